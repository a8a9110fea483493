/* From what a client has to the present. The client, the room, the row of the last messages and the
 * log (a redis-server of our own) are real; the feed is a few numbers that the tests set. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rds.h"
#include "order/keys.h"
#include "tests/unit/support/chat_redis.h"
#include "tests/unit/support/ws_client.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/history.h"
#include "ws-bridge/resume.h"
#include "ws-bridge/room.h"

#define IN_ROOM (4 << 20)

/* ---- the feed ------------------------------------------------------------------------------- */

static struct feed_position feed;

const struct feed_position *feed_position(void)
{
    return &feed;
}

/* ---- one client ----------------------------------------------------------------------------- */

static struct client *opened; /* NULL once it has left */
static int peer;
static char *in; /* what it got, NUL-terminated */
static size_t n_in;
static size_t flood; /* bytes that are queued for it as it opens */

static void on_open(struct client *c, int64_t after)
{
    opened = c;
    c->user = room_enter(c);
    resume_start(c->user, after);
    if (!flood)
        return;
    char *text = mem_calloc(1, flood);
    struct chunk *chunk = chunk_of(CHUNK_TEXT, text, flood);
    client_send(c, chunk);
    chunk_unref(chunk);
    free(text);
}

static void on_text(struct client *c, const char *text, size_t n)
{
    (void)c, (void)text, (void)n;
}

static void on_drained(struct client *c)
{
    resume_proceed(c->user);
}

static void on_leave(struct client *c)
{
    opened = NULL;
    resume_stop(c->user);
    room_leave(c->user);
}

static const char *trouble(void)
{
    return NULL;
}

static const struct client_owner OWNER = {on_open, on_text, on_drained, on_leave, trouble};

static void turn(void)
{
    chat_redis_turn();
    room_turn();
    ssize_t n = recv(peer, in + n_in, IN_ROOM - 1 - n_in, MSG_DONTWAIT);
    if (n > 0)
        n_in += (size_t)n;
    in[n_in] = '\0';
}

#define UNTIL(condition) \
    do { \
        for (int64_t end_ = clock_mono_ms() + CHAT_WAIT_MS; !(condition); turn()) \
            if (clock_mono_ms() > end_) \
                fail_msg("waited in vain for %s", #condition); \
    } while (0)

static void join(const char *query)
{
    int fds[2];
    char request[512];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[0];
    n_in = 0;
    client_new(fds[1]);
    int n = snprintf(request, sizeof request, WS_REQUEST("%s") WS_JSON "\r\n", query);
    assert_int_equal(send(peer, request, (size_t)n, 0), n);
    while (!opened)
        chat_redis_turn(); /* and no further: what follows is the test's */
}

static int has(const char *text)
{
    for (size_t at = 0; at < n_in; at += strlen(in + at) + 1) /* headers may hold NULs */
        if (strstr(in + at, text))
            return 1;
    return 0;
}

/* Every id that it got stands for one message: from..to, each once, in order. */
static void expect_ids(int64_t from, int64_t to)
{
    static const char NAME[] = "\"id\":";
    int64_t id = from;
    for (char *at = in; (at = memmem(at, (size_t)(in + n_in - at), NAME, sizeof NAME - 1)); id++) {
        at += sizeof NAME - 1;
        assert_int_equal(strtoll(at, NULL, 10), id);
    }
    assert_int_equal(id, to + 1);
}

static int count(const char *text)
{
    int n = 0;
    for (char *at = in; (at = memmem(at, (size_t)(in + n_in - at), text, strlen(text))); at++)
        n++;
    return n;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void log_add_of(const char *type, int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++)
        CHAT_ASK("XADD", KEY_CHAT_LOG, chat_id(id), "type", type, "text", "hi", "at", "now");
}

static void log_add(int64_t from, int64_t to)
{
    log_add_of("message", from, to);
}

/* They come out of the feed: into the row, and to who is live. */
static void hear(int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++) {
        const struct chat_line line = {.kind = CHAT_MESSAGE,
                                       .id = id,
                                       .text = "hi",
                                       .text_len = 2,
                                       .user = "",
                                       .color = "",
                                       .at = "now"};
        feed.last = id;
        room_broadcast(&line);
    }
    if (feed.newest < feed.last)
        feed.newest = feed.last;
}

/* ---- start and stop ------------------------------------------------------------------------- */

static int start_server(void **state)
{
    in = mem_alloc(IN_ROOM);
    return chat_redis_group_setup(state);
}

static int stop_server(void **state)
{
    free(in);
    return chat_redis_group_teardown(state);
}

static int start(void **state)
{
    const struct client_rules rules = ws_rules();
    (void)state;
    memset(&feed, 0, sizeof feed);
    feed.is_loaded = 1;
    flood = 0;
    opened = NULL;
    chat_redis_open();
    chat_redis_connect(NULL);
    CHAT_UNTIL(rds_is_up(chat_redis.commands));
    resume_init(chat_redis.commands);
    clients_start(chat_redis.loop, &rules, &OWNER);
    room_start(chat_redis.loop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    clients_stop();
    room_stop();
    chat_redis_close();
    close(peer);
    return 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

#define PRESENCE "{\"type\":\"presence\""

static void who_is_new_gets_the_last_fifty(void **state)
{
    (void)state;
    hear(1, 120);
    join("");
    UNTIL(has(PRESENCE));
    expect_ids(71, 120);
    assert_int_equal(count("\"complete\":true,\"more\":false}"), 1);
    assert_int_equal(count("\"type\":\"history\""), 1);
    hear(121, 122);
    UNTIL(has("\"id\":122"));
    expect_ids(71, 122);
}

static void an_empty_chat_has_an_empty_history(void **state)
{
    (void)state;
    join("");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("{\"type\":\"history\",\"messages\":[],\"complete\":true,"
                           "\"more\":false}"),
                     1);
}

static void nobody_is_told_before_the_log_was_read(void **state)
{
    (void)state;
    feed.is_loaded = 0;
    join("");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.is_loaded = 1;
    hear(1, 3);
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(1, 3);
}

static void out_of_memory(void **state)
{
    (void)state;
    hear(1, 200);
    join("?after=80");
    UNTIL(has(PRESENCE));
    expect_ids(81, 200);
    assert_int_equal(count("\"type\":\"history\""), 3);
    assert_int_equal(count("\"more\":true}"), 2);
    assert_int_equal(count("\"complete\":true"), 3);
}

static void who_has_all_gets_an_empty_frame(void **state)
{
    (void)state;
    hear(1, 9);
    join("?after=9");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"messages\":[],\"complete\":true,\"more\":false}"), 1);
}

static void out_of_redis_then_out_of_memory(void **state)
{
    (void)state;
    log_add(1, 400);
    hear(301, 400);
    join("?after=7");
    UNTIL(has(PRESENCE));
    expect_ids(8, 400);
    assert_int_equal(count("\"complete\":false"), 0);
    assert_int_equal(count("\"more\":false}"), 1);
}

/* Each message is stored before the feed hears of it, as always. */
static void while_others_talk(void **state)
{
    (void)state;
    log_add(1, 400);
    hear(301, 400);
    join("?after=0");
    for (int64_t id = 401; id < 600; id++) {
        log_add(id, id);
        hear(id, id);
        turn();
    }
    log_add(600, 600);
    hear(600, 600);
    UNTIL(has("\"id\":600"));
    expect_ids(1, 600);
    assert_int_equal(count("\"complete\":false"), 0);
}

static void older_than_the_log(void **state)
{
    (void)state;
    log_add(61, 200);
    hear(151, 200);
    join("?after=3");
    UNTIL(has(PRESENCE));
    expect_ids(61, 200);
    assert_int_equal(count("\"complete\":false"), 1); /* before the first frame */
}

static void the_log_is_empty(void **state)
{
    (void)state;
    hear(151, 160);
    join("?after=3");
    UNTIL(has(PRESENCE));
    expect_ids(151, 160);
    assert_int_equal(count("\"complete\":false"), 1);
}

/* A message that is lost within the log is no reason to stop; it is told where it would stand. */
static void a_hole_in_the_log(void **state)
{
    (void)state;
    log_add(1, 20);
    log_add(31, 60);
    hear(51, 60);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 30);
    assert_int_equal(count("\"id\":20,\"text\":\"hi\",\"at\":\"now\"}],"
                           "\"complete\":true,\"more\":true}"),
                     1);
    assert_int_equal(count("\"id\":60,\"text\":\"hi\",\"at\":\"now\"}],"
                           "\"complete\":false,\"more\":false}"),
                     1);
    assert_int_equal(count("\"complete\":false"), 1);
}

static void a_hole_before_what_is_in_memory(void **state)
{
    (void)state;
    log_add(1, 20);
    hear(31, 60);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 30);
    assert_int_equal(count("\"id\":60,\"text\":\"hi\",\"at\":\"now\"}],"
                           "\"complete\":false,\"more\":false}"),
                     1);
    assert_int_equal(count("\"complete\":false"), 1);
}

/* The feed has passed over what it could not get; nothing has been said since. */
static void a_hole_at_the_end(void **state)
{
    (void)state;
    log_add(1, 20);
    feed.last = feed.newest = 25;
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10);
    assert_int_equal(count("{\"type\":\"history\",\"messages\":[],\"complete\":false,"
                           "\"more\":false}"),
                     1);
    hear(26, 26);
    UNTIL(has("\"id\":26"));
}

/* More of them in a row than one look takes. */
static void entries_that_cannot_be_read(void **state)
{
    (void)state;
    log_add(1, 20);
    log_add_of("nonsense", 21, 130);
    log_add(131, 150);
    log_add_of("nonsense", 151, 155);
    hear(156, 160);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 20 + 5);
    assert_int_equal(count("\"complete\":false"), 2);
    assert_true(has("[{\"type\":\"message\",\"id\":131,"));
    assert_true(has("[{\"type\":\"message\",\"id\":156,"));
}

static void an_id_that_another_bridge_has_given(void **state)
{
    (void)state;
    hear(1, 10);
    join("?after=12");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.newest = 12;
    feed.newest_asks = 3;
    resume_all();
    assert_int_equal(count("history"), 0); /* the feed will come to it */
    hear(11, 13);
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(13, 13);
    assert_int_equal(count("\"complete\":true"), 1);
}

static void an_id_that_nobody_has_given(void **state)
{
    (void)state;
    hear(1, 60);
    join("?after=1000");
    feed.newest_asks = 1;
    resume_all();
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.newest_asks = 2;
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(11, 60);
    assert_int_equal(count("\"complete\":false"), 1);
}

static void redis_is_away_and_comes_back(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    redis_server_kill(&chat_redis.server);
    CHAT_UNTIL(!rds_is_up(chat_redis.commands));
    join("?after=50");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    chat_redis_restart();
    log_add(1, 100);
    CHAT_UNTIL(rds_is_up(chat_redis.commands));
    resume_all(); /* the feed is back */
    UNTIL(has(PRESENCE));
    expect_ids(51, 100);
}

static void the_log_is_lost_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    join("?after=50"); /* Redis has been asked */
    history_clear();
    feed.last = feed.newest = 0;
    hear(1, 2);
    UNTIL(has(PRESENCE));
    expect_ids(1, 2);
    assert_int_equal(count("\"complete\":false"), 1);
}

static void it_hangs_up_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    join("?after=0");
    shutdown(peer, SHUT_RDWR);
    UNTIL(!opened);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(clients_n(), 0);
}

/* Its queue is over the limit and its socket full when the log's answer comes: the frame that is
 * given to it closes it. */
static void it_is_too_slow_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    flood = 2000000;
    join("?after=0");
    for (int64_t end = clock_mono_ms() + CHAT_WAIT_MS; opened; room_turn()) { /* nothing is read */
        chat_redis_turn();
        assert_true(clock_mono_ms() < end);
    }
    UNTIL(n_in > 4 && memcmp(in + n_in - 8, "too slow", 8) == 0);
    assert_int_equal(count("history"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(who_is_new_gets_the_last_fifty),
        TEST(an_empty_chat_has_an_empty_history),
        TEST(nobody_is_told_before_the_log_was_read),
        TEST(out_of_memory),
        TEST(who_has_all_gets_an_empty_frame),
        TEST(out_of_redis_then_out_of_memory),
        TEST(while_others_talk),
        TEST(older_than_the_log),
        TEST(the_log_is_empty),
        TEST(a_hole_in_the_log),
        TEST(a_hole_before_what_is_in_memory),
        TEST(a_hole_at_the_end),
        TEST(entries_that_cannot_be_read),
        TEST(an_id_that_another_bridge_has_given),
        TEST(an_id_that_nobody_has_given),
        TEST(redis_is_away_and_comes_back),
        TEST(the_log_is_lost_meanwhile),
        TEST(it_hangs_up_meanwhile),
        TEST(it_is_too_slow_meanwhile),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
