/* The feed on a redis-server of our own with the real functions; upstream and beat, which feed it,
 * are real too. In place of the room stands a record of what was broadcast: every message once, in
 * the order of its id, whatever happens. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/keys.h"
#include "tests/unit/support/chat_redis.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/room.h"
#include "ws-bridge/upstream.h"

#define SAID_MAX 4096
#define KILL_SUBSCRIPTIONS "CLIENT", "KILL", "TYPE", "pubsub"

/* ---- in place of the room ------------------------------------------------------------------- */

static struct {
    int64_t ids[SAID_MAX];
    size_t n;
    char json[512]; /* the last */
    int n_json, n_moved;
} said;

void room_broadcast(const struct chat_line *line)
{
    size_t len;
    assert_true(said.n < SAID_MAX);
    said.ids[said.n++] = line->id;
    char *json = protocol_message_json(line, &len);
    history_add(line->id, json, len);
}

void room_broadcast_json(const char *json)
{
    said.n_json++;
    snprintf(said.json, sizeof said.json, "%s", json);
}

void room_broadcast_crowd(enum chat_kind kind, int64_t n)
{
    (void)kind, (void)n;
}

void room_set_elsewhere(int64_t n)
{
    (void)n;
}

int64_t room_here(void)
{
    return 4;
}

static void on_moved(void)
{
    said.n_moved++;
}

/* ---- start and stop ------------------------------------------------------------------------- */

#define ASK(...) CHAT_ASK(__VA_ARGS__)
#define UNTIL(condition) CHAT_UNTIL(condition)

static void store(int64_t from, int64_t to)
{
    chat_redis_store(from, to);
}

static void publish(int64_t id)
{
    chat_redis_publish(id);
}

static int64_t feed_last(void)
{
    return feed_position()->last;
}

static int start(void **state)
{
    (void)state;
    chat_redis_open();
    memset(&said, 0, sizeof said);
    return 0;
}

/* The feed is up, behind so many messages in the log. */
static void feed_up(int64_t n)
{
    if (n)
        store(1, n);
    upstream_start(chat_redis.loop, on_moved);
    UNTIL(!upstream_trouble());
    assert_int_equal(feed_last(), n);
    assert_int_equal(said.n, 0);
}

static int stop(void **state)
{
    (void)state;
    upstream_stop();
    history_clear();
    chat_redis_close();
    return 0;
}

/* What was said so far: from..to, each once, in order. */
static void expect_said(int64_t from, int64_t to)
{
    assert_int_equal(said.n, to - from + 1);
    for (size_t i = 0; i < said.n; i++)
        assert_int_equal(said.ids[i], from + (int64_t)i);
    assert_int_equal(feed_last(), to);
}

static int has_json(const char *text)
{
    return strstr(said.json, text) != NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void the_logs_end_is_loaded(void **state)
{
    (void)state;
    store(1, HISTORY_KEPT + 40);
    upstream_start(chat_redis.loop, on_moved);
    assert_false(feed_position()->is_loaded);
    assert_non_null(upstream_trouble());
    UNTIL(!upstream_trouble());
    assert_true(feed_position()->is_loaded);
    assert_int_equal(feed_last(), HISTORY_KEPT + 40);
    assert_int_equal(history_first(), 41);
    assert_int_equal(history_last(), HISTORY_KEPT + 40);
    assert_int_equal(said.n, 0); /* nobody was there to hear it */
    assert_true(said.n_moved > 0);
}

static void one_after_another_and_none_twice(void **state)
{
    (void)state;
    feed_up(3);
    store(4, 6);
    publish(4);
    publish(4);
    publish(5);
    publish(2);
    publish(4);
    publish(6);
    UNTIL(feed_last() == 6);
    expect_said(4, 6);
}

static void a_gap_is_read_from_the_log(void **state)
{
    (void)state;
    feed_up(3);
    store(4, 350); /* more than one look takes */
    publish(4);
    publish(340);
    publish(339);
    publish(350);
    publish(341);
    UNTIL(feed_last() == 350);
    expect_said(4, 350);
    store(351, 351);
    publish(351);
    UNTIL(feed_last() == 351);
    expect_said(4, 351);
    assert_int_equal(said.n_json, 0);
}

/* Nothing comes over the channel: the beats tell what the log has. */
static void what_was_never_heard_of_is_found_by_the_beat(void **state)
{
    (void)state;
    feed_up(3);
    store(4, 8);
    UNTIL(feed_last() == 8);
    expect_said(4, 8);
}

/* The log's answer, which is empty, and a message that is younger than it arrive together. (The
 * connection that was lost is heard after the other.) */
static void a_message_overtakes_the_logs_answer(void **state)
{
    (void)state;
    feed_up(3);
    for (int64_t id = 4; id < 14; id++) {
        ASK("CLIENT", "KILL", "TYPE", id % 2 ? "pubsub" : "normal");
        UNTIL(upstream_trouble() &&
              strcmp(upstream_trouble(), "the chat's log is being read") == 0);
        ASK("PING"); /* by now Redis has answered */
        ASK("PING");
        store(id, id);
        publish(id);
        UNTIL(feed_last() == id);
    }
    expect_said(4, 13);
    assert_int_equal(said.n_json, 0);
}

static void what_is_said_while_the_channel_is_away(void **state)
{
    (void)state;
    feed_up(3);
    ASK(KILL_SUBSCRIPTIONS);
    store(4, 5);
    publish(4);
    publish(5);
    UNTIL(feed_last() == 5);
    expect_said(4, 5);
}

static void what_the_log_has_lost_is_told(void **state)
{
    (void)state;
    feed_up(3);
    publish(7); /* was never stored */
    UNTIL(feed_last() == 7);
    assert_int_equal(said.n, 0);
    assert_true(has_json("\"missed\"") && has_json("\"from\":4,\"to\":7,"));
    assert_int_equal(history_first(), 0); /* no row that ends before the feed */
    store(8, 8);
    publish(8);
    UNTIL(feed_last() == 8);
    store(11, 12);
    publish(12);
    UNTIL(feed_last() == 12);
    assert_true(has_json("\"from\":9,\"to\":10,"));
    assert_int_equal(said.n, 3);
    assert_int_equal(said.ids[1], 11);
    ASK("HSET", KEY_COUNT, "chat_messages", "15"); /* given, and nowhere */
    UNTIL(feed_last() == 15);
    assert_true(has_json("\"from\":13,\"to\":15,"));
    assert_int_equal(said.n_json, 3);
}

/* More of them in a row than one look takes. What can be read is said, the rest is told. */
static void entries_that_cannot_be_read(void **state)
{
    (void)state;
    feed_up(3);
    store(4, 5);
    for (int64_t id = 6; id <= 215; id++)
        ASK("XADD", KEY_CHAT_LOG, chat_id(id), "type", "nonsense");
    store(216, 217);
    UNTIL(feed_last() == 217);
    assert_int_equal(said.n, 4);
    assert_int_equal(said.ids[1], 5);
    assert_int_equal(said.ids[2], 216);
    assert_true(has_json("\"to\":215,"));
    int told = said.n_json;
    ASK("XADD", KEY_CHAT_LOG, "218", "type", "nonsense"); /* the last one */
    ASK("HSET", KEY_COUNT, "chat_messages", "218");
    UNTIL(feed_last() == 218);
    assert_true(has_json("\"from\":218,\"to\":218,"));
    assert_int_equal(said.n_json, told + 1);
}

static void all_of_the_log_is_lost_before_the_start(void **state)
{
    (void)state;
    ASK("HSET", KEY_COUNT, "chat_messages", "9");
    upstream_start(chat_redis.loop, on_moved);
    UNTIL(feed_last() == 9);
    store(10, 10);
    publish(10);
    UNTIL(feed_last() == 10);
    assert_int_equal(said.n, 1);
}

static void redis_has_lost_its_data(void **state)
{
    (void)state;
    feed_up(30);
    ASK("FLUSHALL");
    store(1, 2);
    UNTIL(feed_last() == 2);
    assert_true(has_json("\"error\":\"anew\""));
    assert_int_equal(said.n_json, 1);
    assert_int_equal(history_first(), 1);
    assert_int_equal(history_last(), 2);
    store(3, 3);
    publish(3);
    UNTIL(said.n == 1);
    expect_said(3, 3);
}

static void redis_goes_and_comes(void **state)
{
    (void)state;
    feed_up(3);
    redis_server_kill(&chat_redis.server);
    UNTIL(upstream_trouble());
    assert_int_equal(feed_last(), 3);
    chat_redis_restart();
    store(1, 5); /* it kept its data, say */
    UNTIL(feed_last() == 5);
    expect_said(4, 5);
    UNTIL(!upstream_trouble());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(the_logs_end_is_loaded),
        TEST(one_after_another_and_none_twice),
        TEST(a_gap_is_read_from_the_log),
        TEST(what_was_never_heard_of_is_found_by_the_beat),
        TEST(a_message_overtakes_the_logs_answer),
        TEST(what_is_said_while_the_channel_is_away),
        TEST(what_the_log_has_lost_is_told),
        TEST(entries_that_cannot_be_read),
        TEST(all_of_the_log_is_lost_before_the_start),
        TEST(redis_has_lost_its_data),
        TEST(redis_goes_and_comes),
    };
    return cmocka_run_group_tests(tests, chat_redis_group_setup, chat_redis_group_teardown);
}
