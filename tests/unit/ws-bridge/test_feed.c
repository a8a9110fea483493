/* The feed against a redis-server of our own with the real functions. In place of the room stands a
 * record of what was said: every message once, in the order of its id, whatever happens. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/rds_sync.h"
#include "order/keys.h"
#include "tests/unit/support/redis_server.h"
#include "ws-bridge/client.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/resume.h"
#include "ws-bridge/room.h"

#define WAIT_MS 60000 /* reached only when it will never come */
#define SAID_MAX 4096
#define KILL_SUBSCRIPTIONS "CLIENT", "KILL", "TYPE", "pubsub"

static struct redis_server server;
static struct rds_sync *redis; /* whoever else there is */
static struct ev_loop *loop;
static ev_timer tick;

/* ---- in place of the room, and of its clients ----------------------------------------------- */

static struct {
    int64_t ids[SAID_MAX];
    size_t n;
    char json[512], told[512]; /* the last to all, the last to one */
    int64_t crowd, elsewhere;
    int n_json, n_told, n_crowds, n_live, closed_with, pauses;
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

void room_send_json(struct client *c, const char *json)
{
    (void)c;
    said.n_told++;
    snprintf(said.told, sizeof said.told, "%s", json);
}

void room_broadcast_crowd(enum chat_kind kind, int64_t n)
{
    (void)kind;
    said.n_crowds++;
    said.crowd = n;
}

void room_set_elsewhere(int64_t n)
{
    said.elsewhere = n;
}

int64_t room_here(void)
{
    return 4;
}

void resume_all(void)
{
    said.n_live++;
}

void client_close(struct client *c, int code, const char *reason)
{
    (void)c, (void)reason;
    said.closed_with = code;
}

void client_pause(struct client *c, int is_paused)
{
    c->is_paused = is_paused != 0;
    said.pauses++;
}

/* ---- the other side ------------------------------------------------------------------------- */

static void ask(size_t n, const char *const argv[])
{
    struct redisReply *reply = rds_sync_callv(redis, n, argv);
    if (!reply)
        fail_msg("%s: %s", argv[0], rds_sync_error(redis));
    rds_sync_free(reply);
}
#define ASK(...) \
    ask(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
        (const char *const[]){__VA_ARGS__})

static const char *number(int64_t n)
{
    static char text[4][32];
    static int i;
    snprintf(text[++i % 4], sizeof text[0], "%lld", (long long)n);
    return text[i % 4];
}

/* Both halves of what chat_post does in one. */
static void store(int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++)
        ASK("XADD", KEY_CHAT_LOG, number(id), "type", "message", "text", "hi");
    ASK("HSET", KEY_COUNT, "chat_messages", number(to));
}

static void publish(int64_t id)
{
    char json[80];
    snprintf(json, sizeof json, "{\"type\":\"message\",\"id\":%lld,\"text\":\"hi\"}",
             (long long)id);
    ASK("PUBLISH", CHANNEL_CHAT, json);
}

static void open_redis(void)
{
    char error[256];
    const struct rds_sync_options options = {
        .address = server.socket, .user = "tester", .password = "sesame", .wait_s = 5};
    if (rds_sync_open(&options, &redis, error, sizeof error))
        fail_msg("%s", error);
    ASK("ACL", "SETUSER", "ws", "on", ">sesame", "~*", "&*", "+@all");
    char *library = read_functions();
    ASK("FUNCTION", "LOAD", "REPLACE", library);
    free(library);
}

/* ---- start and stop ------------------------------------------------------------------------- */

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
}

#define UNTIL(condition) \
    do { \
        for (int64_t end_ = clock_mono_ms() + WAIT_MS; !(condition); turn()) \
            if (clock_mono_ms() > end_) \
                fail_msg("waited in vain for %s", #condition); \
    } while (0)

static void on_tick(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)l, (void)w, (void)revents;
}

static int start_server(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_init(&server);
    redis_server_set_secret(&server, "ws", "sesame");
    conf.secrets_dir = server.secrets;
    conf.redis = server.socket;
    conf.redis_timeout_ms = 5000;
    conf.chat_max_bytes = 4096;
    conf.chat_announce = 1;
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    redis_server_release(&server);
    return 0;
}

static int start(void **state)
{
    (void)state;
    open_redis();
    ASK("FLUSHALL");
    memset(&said, 0, sizeof said);
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&tick, on_tick, 0.005, 0.005);
    ev_timer_start(loop, &tick);
    return 0;
}

/* The feed is up, behind so many messages in the log. */
static void feed_up(int64_t n)
{
    if (n)
        store(1, n);
    feed_start(loop);
    UNTIL(!feed_trouble());
    assert_int_equal(feed_last(), n);
    assert_int_equal(said.n, 0);
}

static int stop(void **state)
{
    (void)state;
    feed_stop();
    history_clear();
    rds_sync_close(redis);
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
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
    assert_false(feed_is_loaded());
    feed_start(loop);
    assert_non_null(feed_trouble());
    UNTIL(!feed_trouble());
    assert_true(feed_is_loaded());
    assert_int_equal(feed_last(), HISTORY_KEPT + 40);
    assert_int_equal(history_first(), 41);
    assert_int_equal(history_last(), HISTORY_KEPT + 40);
    assert_int_equal(said.n, 0); /* nobody was there to hear it */
    assert_true(said.n_live > 0);
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
        UNTIL(feed_trouble() && strcmp(feed_trouble(), "the chat's log is being read") == 0);
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
        ASK("XADD", KEY_CHAT_LOG, number(id), "type", "nonsense");
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
    feed_start(loop);
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
    redis_server_kill(&server);
    UNTIL(feed_trouble());
    assert_int_equal(feed_last(), 3);
    rds_sync_close(redis);
    redis_server_start(&server);
    open_redis();
    store(1, 5); /* it kept its data, say */
    UNTIL(feed_last() == 5);
    expect_said(4, 5);
    UNTIL(!feed_trouble());
}

static void comings_goings_and_the_number_present(void **state)
{
    (void)state;
    feed_up(0);
    feed_announce(CHAT_JOIN, 3);
    UNTIL(said.n_crowds == 1);
    assert_int_equal(said.crowd, 3);
    ASK("FCALL", FN_CHAT_BEAT, "2", KEY_CHAT_PRESENT, KEY_COUNT, CHANNEL_CHAT, "another", "5", "1",
        "60000");
    UNTIL(said.elsewhere == 5);
    ASK("FCALL", FN_CHAT_BEAT, "2", KEY_CHAT_PRESENT, KEY_COUNT, CHANNEL_CHAT, "another", "5", "1",
        "0");
    UNTIL(said.elsewhere == 0);
    redis_server_signal(&server, SIGKILL);
    UNTIL(feed_trouble());
    feed_announce(CHAT_LEAVE, 2); /* at least to our own */
    assert_int_equal(said.n_crowds, 2);
    redis_server_kill(&server);
    redis_server_start(&server);
}

#define KEY "0123456789abcdef"
static const struct protocol_post HELLO = {
    .text = "hello", .text_len = 5, .user = "", .color = "", .key = ""};
static const struct protocol_post KEYED = {
    .text = "hello", .text_len = 5, .user = "", .color = "", .key = KEY};

static void posts_come_back_over_the_channel(void **state)
{
    struct client c = {.is_json = 1};
    (void)state;
    feed_up(3);
    for (int i = 0; i < 64; i++)
        feed_post(&c, &HELLO);
    assert_true(c.is_paused); /* nothing is read from it until half of them are done */
    UNTIL(said.n == 64 && c.n_posts == 0);
    expect_said(4, 67);
    assert_false(c.is_paused);
    assert_int_equal(said.pauses, 2);
    assert_int_equal(said.n_told + said.closed_with, 0);
}

static void a_post_with_a_key_is_acknowledged_and_stored_once(void **state)
{
    struct client c = {.is_json = 1}, again = {.is_json = 1}, gone = {.is_json = 1};
    (void)state;
    feed_up(3);
    feed_post(&gone, &KEYED);
    feed_forget(&gone);
    UNTIL(said.n == 1);
    assert_int_equal(said.n_told, 0);
    feed_post(&again, &KEYED);
    UNTIL(said.n_told == 1);
    assert_string_equal(said.told,
                        "{\"type\":\"accepted\",\"key\":\"" KEY "\",\"id\":4,\"repeated\":true}");
    struct protocol_post other = KEYED;
    other.key = KEY "-2";
    feed_post(&c, &other);
    UNTIL(said.n_told == 2 && said.n == 2);
    assert_string_equal(said.told, "{\"type\":\"accepted\",\"key\":\"" KEY
                                   "-2\",\"id\":5,\"repeated\":false}");
    expect_said(4, 5);
}

static void a_post_that_fails_is_told(void **state)
{
    struct client json = {.is_json = 1}, plain = {.is_json = 0}, gone = {.is_json = 1};
    (void)state;
    feed_up(3);
    redis_server_signal(&server, SIGSTOP); /* takes it and does not answer */
    feed_post(&json, &HELLO);
    feed_post(&gone, &HELLO);
    feed_forget(&gone);
    turn();
    turn();
    redis_server_kill(&server);
    UNTIL(said.n_told == 1);
    assert_non_null(strstr(said.told, "\"error\":\"unknown\""));
    UNTIL(feed_trouble());
    feed_post(&json, &KEYED);
    feed_post(&plain, &HELLO);
    assert_int_equal(said.n_told, 1); /* never before feed_post() returns */
    UNTIL(said.n_told == 2);
    assert_non_null(strstr(said.told, "\"error\":\"not_sent\""));
    assert_non_null(strstr(said.told, "\"key\":\"" KEY "\""));
    assert_int_equal(said.closed_with, WS_TRY_LATER);
    assert_int_equal(json.n_posts + plain.n_posts, 0);
    redis_server_start(&server);
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
        TEST(comings_goings_and_the_number_present),
        TEST(posts_come_back_over_the_channel),
        TEST(a_post_with_a_key_is_acknowledged_and_stored_once),
        TEST(a_post_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
