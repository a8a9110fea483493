/* One connection over a socket pair: its states, its queue, its deadlines. */
#include "tests/unit/support/test.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/metrics.h"
#include "tests/unit/support/wait.h"
#include "tests/unit/support/ws_client.h"
#include "ws-bridge/handshake.h"

#define TEXT_HI "\x81\x82\0\0\0\0hi"
#define PATIENCE_MS 1000 /* of an impatient bridge: we must be faster */

static struct ev_loop *loop;
static ev_timer tick;
static struct client *opened; /* the last one; NULL once it has left */
static int n_opened, n_left, n_texts, n_drained;
static char last_text[64];
static int peer; /* our end */
static char in[1 << 20];
static size_t n_in;
static int has_end;

static void on_open(struct client *c, int64_t after)
{
    (void)after;
    opened = c;
    n_opened++;
}

static void on_text(struct client *c, const char *text, size_t n)
{
    assert_ptr_equal(c, opened);
    n_texts++;
    snprintf(last_text, sizeof last_text, "%.*s", (int)n, text);
}

static void on_drained(struct client *c)
{
    (void)c;
    n_drained++;
}

static void on_leave(struct client *c)
{
    assert_ptr_equal(c, opened);
    opened = NULL;
    n_left++;
}

static const char *trouble(void)
{
    return "Redis is away";
}

static const struct client_owner OWNER = {on_open, on_text, on_drained, on_leave, trouble};

static void on_tick(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)l, (void)w, (void)revents;
}

static void start_with(struct client_rules rules)
{
    int fds[2];
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&tick, on_tick, 0.005, 0.005);
    ev_timer_start(loop, &tick);
    clients_start(loop, &rules, &OWNER);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[0];
    opened = NULL;
    n_opened = n_left = n_texts = n_drained = 0;
    n_in = 0;
    has_end = 0;
    client_new(fds[1]);
}

static int start(void **state)
{
    (void)state;
    start_with(ws_rules());
    return 0;
}

static int stop(void **state)
{
    (void)state;
    clients_stop();
    assert_int_equal(clients_n(), 0);
    assert_int_equal(metric_values[M_WS], 0);
    assert_int_equal(n_opened, n_left);
    close(peer);
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
    return 0;
}

static void take_in(void)
{
    ssize_t n = recv(peer, in + n_in, sizeof in - n_in, MSG_DONTWAIT);
    if (n > 0)
        n_in += (size_t)n;
    has_end |= n == 0;
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
    clients_turn();
}

#define UNTIL(condition) WAIT_UNTIL(condition, (turn(), take_in()))

static void put(const char *bytes, size_t n)
{
    assert_int_equal(send(peer, bytes, n, MSG_NOSIGNAL), n);
}
#define PUT(text) put(text, sizeof(text) - 1)

static void open_up(void)
{
    PUT(WS_REQUEST("") "\r\n");
    UNTIL(n_in > 4 && memcmp(in + n_in - 4, "\r\n\r\n", 4) == 0);
    assert_non_null(opened);
    n_in = 0;
}

static int ends_with(const char *bytes, size_t n)
{
    return n_in >= n && memcmp(in + n_in - n, bytes, n) == 0;
}
#define ENDS_WITH(text) ends_with(text, sizeof(text) - 1)

static void send_text(const char *text)
{
    struct chunk *chunk = chunk_of(CHUNK_TEXT, text, strlen(text));
    client_send(opened, chunk);
    chunk_unref(chunk);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void handshake_and_frames_in_one_piece(void **state)
{
    (void)state;
    PUT(WS_REQUEST("") "\r\n" TEXT_HI TEXT_HI);
    UNTIL(n_texts == 2);
    assert_string_equal(last_text, "hi");
    assert_int_equal(metric_values[M_WS], 1);
}

static const char SCRIPT[] = WS_REQUEST("") "\r\n" TEXT_HI "\x89\x81\0\0\0\0!" TEXT_HI;

static void all_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SCRIPT - 1; i++) {
        put(SCRIPT + i, 1);
        turn();
    }
    UNTIL(n_texts == 2 && ENDS_WITH("\x8a\x01!"));
}

/* A connection for each place. */
static void all_cut_in_two(void **state)
{
    for (size_t cut = 1; cut < sizeof SCRIPT - 1; cut++) {
        put(SCRIPT, cut);
        turn();
        put(SCRIPT + cut, sizeof SCRIPT - 1 - cut);
        UNTIL(n_texts == 2 && ENDS_WITH("\x8a\x01!"));
        assert_int_equal(n_opened, 1);
        stop(state);
        start(state);
    }
}

static void health_is_answered_and_closed(void **state)
{
    (void)state;
    PUT("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(has_end);
    in[n_in] = '\0';
    assert_non_null(strstr(in, "503 Service Unavailable"));
    assert_non_null(strstr(in, "Redis is away"));
    assert_int_equal(n_opened, 0);
}

static void a_head_without_end(void **state)
{
    static char junk[HANDSHAKE_MAX_BYTES];
    (void)state;
    memset(junk, 'x', sizeof junk);
    PUT("GET /ws/support-chat HTTP/1.1\r\nX: ");
    put(junk, sizeof junk);
    UNTIL(has_end);
    assert_memory_equal(in, "HTTP/1.1 431 ", 13);
    in[n_in] = '\0';
    assert_non_null(strstr(in, "\r\nX-Request-Id: ")); /* who sent none is given one */
    assert_null(strstr(in, "\"request_id\":\"\""));
}

static void what_is_sent_arrives_in_order(void **state)
{
    (void)state;
    open_up();
    for (int i = 0; i < 100; i++)
        send_text(i % 2 ? "odd" : "even");
    UNTIL(n_in == 50 * 5 + 50 * 6);
    assert_memory_equal(in,
                        "\x81\x04"
                        "even\x81\x03"
                        "odd\x81\x04"
                        "even",
                        17);
    assert_true(n_drained > 0);
}

static void theirs_is_answered_and_closed(void **state)
{
    (void)state;
    open_up();
    PUT("\x88\x82\0\0\0\0\x0f\xa0" TEXT_HI);
    UNTIL(has_end);
    assert_true(ENDS_WITH("\x88\x02\x0f\xa0"));
    assert_int_equal(n_texts, 0);
    assert_int_equal(n_left, 1);
}

static void ours_waits_for_theirs(void **state)
{
    (void)state;
    open_up();
    client_close(opened, WS_GOING_AWAY, "bye");
    assert_int_equal(n_left, 1);
    UNTIL(ENDS_WITH("\x88\x05\x03\xe9"
                    "bye"));
    PUT(TEXT_HI); /* on its way before they knew */
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(clients_n(), 1);
    PUT("\x88\x80\0\0\0\0");
    UNTIL(has_end && clients_n() == 0);
    assert_int_equal(n_texts, 0);
}

static void a_broken_rule_is_told(void **state)
{
    (void)state;
    open_up();
    PUT("\x82\x81\0\0\0\0x" TEXT_HI TEXT_HI);
    UNTIL(has_end);
    assert_memory_equal(in, "\x88", 1);
    assert_memory_equal(in + 2, "\x03\xeb", 2);
    assert_int_equal(n_texts, 0);
    close(peer);
    peer = -1;
    UNTIL(clients_n() == 0);
}

/* Whoever stands between closes at our end of file, with all unread that still comes: the reset
 * would take our frame with it. */
static void who_talks_on_is_waited_for(void **state)
{
    (void)state;
    open_up();
    struct client *c = opened;
    PUT("\x82\x81\0\0\0\0x");
    UNTIL(n_in >= 4);
    int talks_on = c->talks_on;
    WAIT_UNTIL(c->talks_on == talks_on - 2, (put("x", 1), turn(), take_in()));
    assert_false(has_end);
    UNTIL(has_end);
    close(peer);
    peer = -1;
    UNTIL(clients_n() == 0);
}

static void who_never_stops_is_cut_short(void **state)
{
    (void)state;
    open_up();
    PUT("\x82\x81\0\0\0\0x");
    WAIT_UNTIL(has_end, ((void)send(peer, "x", 1, MSG_NOSIGNAL), turn(), take_in()));
}

static void hung_up(void **state)
{
    (void)state;
    open_up();
    close(peer);
    peer = -1;
    UNTIL(clients_n() == 0);
    assert_int_equal(n_left, 1);
}

static void nothing_is_read_while_paused(void **state)
{
    (void)state;
    open_up();
    client_pause(opened, 1);
    PUT(TEXT_HI);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(n_texts, 0);
    client_pause(opened, 0);
    UNTIL(n_texts == 1);
}

/* Their pings and pongs pass, only nobody looks; so it is not dead. */
static void a_pause_is_no_silence(void **state)
{
    (void)state;
    open_up();
    client_pause(opened, 1);
    UNTIL(ENDS_WITH("\x89\0"));
    PUT("\x8a\x80\0\0\0\0");
    for (int64_t end = clock_mono_ms() + PATIENCE_MS + 250; clock_mono_ms() < end;)
        turn();
    assert_non_null(opened);
    client_pause(opened, 0);
    n_in = 0;
    UNTIL(ENDS_WITH("\x89\0")); /* the pong was seen, and so there is another ping */
    assert_non_null(opened);
}

/* In order, one each, and in few chunks: what waits for a client takes about as much memory as the
 * limit of its queue says. */
static void a_flood_of_pings(void **state)
{
    static char pings[5000][8];
    (void)state;
    open_up();
    for (int i = 0; i < 5000; i++)
        memcpy(pings[i], (char[]){(char)0x89, (char)0x82, 0, 0, 0, 0, (char)(i >> 8), (char)i}, 8);
    put(pings[0], sizeof pings);
    while (opened->out.bytes < 5000 * 4)
        ev_run(loop, EVRUN_ONCE);
    assert_true(opened->out.n <= 6);
    UNTIL(n_in == 5000 * 4);
    for (int i = 0; i < 5000; i++) {
        const char pong[] = {(char)0x8a, 2, (char)(i >> 8), (char)i};
        assert_memory_equal(in + i * 4, pong, sizeof pong);
    }
}

/* Whoever does not read is closed 1013 behind the frame that was begun, and hears nothing that
 * comes between. */
static void one_who_is_too_slow(void **state)
{
    static char text[60001];
    size_t n = 0, at = 0;
    (void)state;
    open_up();
    memset(text, 'x', sizeof text - 1);
    for (; n_left == 0 && n < 1000; n++) {
        send_text(text);
        turn();
    }
    assert_true(n > 1 && n < 100);
    UNTIL(ENDS_WITH("\x88\x0a\x03\xf5"
                    "too slow"));
    while (at < n_in - 12) { /* whole frames only */
        assert_memory_equal(in + at, "\x81\x7e\xea\x60", 4);
        at += 4 + 60000;
    }
    assert_int_equal(at, n_in - 12);
}

static int start_limited(void **state)
{
    struct client_rules rules = ws_rules();
    (void)state;
    rules.limits.rate = 10;
    rules.limits.burst = 3;
    start_with(rules);
    return 0;
}

static void one_who_says_too_much(void **state)
{
    (void)state;
    open_up();
    PUT(TEXT_HI TEXT_HI TEXT_HI);
    UNTIL(n_texts == 3);
    usleep(110000);
    PUT(TEXT_HI);
    UNTIL(n_texts == 4);
    PUT(TEXT_HI TEXT_HI TEXT_HI TEXT_HI TEXT_HI TEXT_HI); /* more than a long pause allows */
    UNTIL(n_left == 1);
    UNTIL(n_in > 4);
    assert_memory_equal(in + 2, "\x03\xf0", 2);
}

static int start_impatient(void **state)
{
    struct client_rules rules = ws_rules();
    (void)state;
    rules.ping_ms = 100;
    rules.pong_ms = rules.close_ms = rules.handshake_ms = PATIENCE_MS;
    start_with(rules);
    return 0;
}

static void pings_and_the_silent(void **state)
{
    (void)state;
    open_up();
    for (int i = 0; i < 3; i++) {
        UNTIL(ENDS_WITH("\x89\0"));
        n_in = 0;
        PUT("\x8a\x80\0\0\0\0");
        turn();
    }
    UNTIL(n_left == 1); /* the next one is not answered */
    UNTIL(has_end && clients_n() == 0);
    assert_memory_equal(in + 4, "\x03\xf3", 2);
}

static void a_handshake_that_does_not_end(void **state)
{
    (void)state;
    PUT("GET /ws");
    UNTIL(has_end);
    assert_memory_equal(in, "HTTP/1.1 408 ", 13);
    UNTIL(clients_n() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test, setup) cmocka_unit_test_setup_teardown(test, setup, stop)
        TEST(handshake_and_frames_in_one_piece, start),
        TEST(all_byte_by_byte, start),
        TEST(all_cut_in_two, start),
        TEST(health_is_answered_and_closed, start),
        TEST(a_head_without_end, start),
        TEST(what_is_sent_arrives_in_order, start),
        TEST(theirs_is_answered_and_closed, start),
        TEST(ours_waits_for_theirs, start),
        TEST(a_broken_rule_is_told, start),
        TEST(who_talks_on_is_waited_for, start),
        TEST(who_never_stops_is_cut_short, start),
        TEST(hung_up, start),
        TEST(nothing_is_read_while_paused, start),
        TEST(a_pause_is_no_silence, start_impatient),
        TEST(a_flood_of_pings, start),
        TEST(one_who_is_too_slow, start),
        TEST(one_who_says_too_much, start_limited),
        TEST(pings_and_the_silent, start_impatient),
        TEST(a_handshake_that_does_not_end, start_impatient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
