/* Both connections to a redis-server of our own with the real functions: what comes over the
 * channel goes where it belongs, and what is wrong has a name. The room is a record. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <string.h>

#include "base/conf.h"
#include "base/rds.h"
#include "order/keys.h"
#include "tests/unit/support/chat_redis.h"
#include "ws-bridge/room.h"
#include "ws-bridge/upstream.h"

#define UNTIL(condition) CHAT_UNTIL(condition)

/* ---- in place of the room ------------------------------------------------------------------- */

static struct {
    int64_t last_id, crowd, elsewhere;
    enum chat_kind last_kind, crowd_kind;
    int n_lines, n_crowds, n_moved;
} said;

void room_broadcast(const struct chat_line *line)
{
    said.last_id = line->id;
    said.last_kind = line->kind;
    said.n_lines++;
}

void room_broadcast_json(const char *json)
{
    fail_msg("nothing is missing: %s", json);
}

void room_broadcast_crowd(enum chat_kind kind, int64_t n)
{
    said.crowd_kind = kind;
    said.crowd = n;
    said.n_crowds++;
}

void room_set_elsewhere(int64_t n)
{
    said.elsewhere = n;
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

static int start(void **state)
{
    (void)state;
    chat_redis_open();
    memset(&said, 0, sizeof said);
    conf.chat_announce = 1;
    upstream_start(chat_redis.loop, on_moved);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    upstream_stop();
    chat_redis_close();
    return 0;
}

static void publish(const char *json)
{
    CHAT_ASK("PUBLISH", CHANNEL_CHAT, json);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void comings_goings_and_the_number_present(void **state)
{
    (void)state;
    UNTIL(!upstream_trouble());
    upstream_announce(CHAT_JOIN, 3);
    UNTIL(said.n_crowds == 1);
    assert_int_equal(said.crowd, 3);
    CHAT_ASK("FCALL", FN_CHAT_BEAT, "2", KEY_CHAT_PRESENT, KEY_COUNT, CHANNEL_CHAT, "another", "5",
             "1", "60000");
    UNTIL(said.elsewhere == 5);
    CHAT_ASK("FCALL", FN_CHAT_BEAT, "2", KEY_CHAT_PRESENT, KEY_COUNT, CHANNEL_CHAT, "another", "5",
             "1", "0");
    UNTIL(said.elsewhere == 0);
    redis_server_signal(&chat_redis.server, SIGKILL);
    UNTIL(upstream_trouble());
    upstream_announce(CHAT_LEAVE, 2); /* at least to our own */
    assert_int_equal(said.n_crowds, 2);
    assert_int_equal(said.crowd_kind, CHAT_LEAVE);
    chat_redis_restart();
}

static void each_line_of_the_channel_goes_where_it_belongs(void **state)
{
    (void)state;
    UNTIL(!upstream_trouble());
    publish("nonsense");
    publish("{\"type\":\"leave\",\"n\":2}");
    chat_redis_store(1, 2);
    chat_redis_publish(1);
    publish("{\"type\":\"update\",\"id\":2,\"text\":\"new\"}");
    UNTIL(said.n_lines == 2);
    assert_int_equal(said.last_id, 2);
    assert_int_equal(said.last_kind, CHAT_UPDATE);
    assert_int_equal(said.n_crowds, 1);
    assert_int_equal(said.crowd_kind, CHAT_LEAVE);
    assert_int_equal(said.crowd, 2);
}

static void joins_of_other_bridges_may_be_left_out(void **state)
{
    (void)state;
    UNTIL(!upstream_trouble());
    conf.chat_announce = 0;
    publish("{\"type\":\"join\",\"n\":2}");
    chat_redis_store(1, 1);
    chat_redis_publish(1);
    UNTIL(said.n_lines == 1);
    assert_int_equal(said.n_crowds, 0);
}

static void what_is_wrong_has_a_name(void **state)
{
    (void)state;
    assert_non_null(upstream_trouble());
    UNTIL(!upstream_trouble());
    assert_true(said.n_moved > 0);
    CHAT_ASK("CLIENT", "KILL", "TYPE", "pubsub");
    UNTIL(upstream_trouble());
    UNTIL(!upstream_trouble());
    CHAT_ASK("FUNCTION", "FLUSH");
    CHAT_ASK("FUNCTION", "LOAD",
             "#!lua name=other\n"
             "redis.register_function{function_name = '" FN_LIBRARY_VERSION "', "
             "callback = function() return 'another' end, flags = {'no-writes'}}");
    CHAT_ASK("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    UNTIL(upstream_trouble() &&
          strcmp(upstream_trouble(), "Redis has another version of the function library") == 0);
}

/* With answers on their way: the sanitizer looks on. */
static void it_may_stop_at_any_time(void **state)
{
    (void)state;
    UNTIL(!upstream_trouble());
    upstream_announce(CHAT_JOIN, 1);
    upstream_leave();
    upstream_leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(comings_goings_and_the_number_present),
        TEST(each_line_of_the_channel_goes_where_it_belongs),
        TEST(joins_of_other_bridges_may_be_left_out),
        TEST(what_is_wrong_has_a_name),
        TEST(it_may_stop_at_any_time),
    };
    return cmocka_run_group_tests(tests, chat_redis_group_setup, chat_redis_group_teardown);
}
