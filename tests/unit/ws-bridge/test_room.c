/* Everybody in the room, each over a socket pair: what is said comes to all, encoded once, written
 * once a turn; who is slow goes alone. The sockets keep packets apart, so that a test sees how many
 * writes there were. */
#include "tests/unit/support/test.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/support/wait.h"
#include "tests/unit/support/ws_client.h"
#include "ws-bridge/history.h"
#include "ws-bridge/room.h"

#define PEERS_MAX 8
#define IN_ROOM (4 << 20)

/* Our end of a connection. */
struct peer {
    int fd;
    struct client *client; /* NULL once it has left */
    char *in;
    size_t n_in, n_packets;
    int has_end;
};

static struct ev_loop *loop;
static ev_timer tick;
static struct peer peers[PEERS_MAX];
static size_t n_peers, n_opened, n_left;
static int goes_live; /* whoever opens hears at once what is said */

static void on_open(struct client *c, int64_t after)
{
    (void)after;
    peers[n_opened++].client = c;
    c->user = room_enter(c);
    if (goes_live)
        room_go_live(c->user);
}

static void on_text(struct client *c, const char *text, size_t n)
{
    (void)c, (void)text, (void)n;
}

static void on_drained(struct client *c)
{
    (void)c;
}

static void on_leave(struct client *c)
{
    n_left++;
    room_leave(c->user);
    for (size_t i = 0; i < n_peers; i++)
        if (peers[i].client == c)
            peers[i].client = NULL;
}

static const char *trouble(void)
{
    return NULL;
}

static const struct client_owner OWNER = {on_open, on_text, on_drained, on_leave, trouble};

static void on_tick(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)l, (void)w, (void)revents;
}

static int start(void **state)
{
    const struct client_rules rules = ws_rules();
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&tick, on_tick, 0.002, 0.002);
    ev_timer_start(loop, &tick);
    n_peers = n_opened = n_left = 0;
    goes_live = 1;
    clients_start(loop, &rules, &OWNER);
    room_start(loop);
    return 0;
}

static void hang_up(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static int stop(void **state)
{
    (void)state;
    clients_stop();
    assert_int_equal(clients_n(), 0);
    assert_int_equal(room_here(), 0);
    assert_int_equal(n_opened, n_left);
    room_set_elsewhere(0);
    room_stop();
    for (size_t i = 0; i < n_peers; i++) {
        hang_up(&peers[i]);
        free(peers[i].in);
    }
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
    return 0;
}

static void take_in(struct peer *p)
{
    for (;;) {
        ssize_t n = recv(p->fd, p->in + p->n_in, IN_ROOM - p->n_in, MSG_DONTWAIT);
        p->has_end |= n == 0;
        if (n <= 0)
            return;
        p->n_in += (size_t)n;
        p->n_packets++;
    }
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
    room_turn();
}

#define UNTIL(condition) WAIT_UNTIL(condition, turn())

static void forget_input(struct peer *p)
{
    p->n_in = p->n_packets = 0;
}

static int has_101(struct peer *p)
{
    take_in(p);
    return p->n_in > 4 && memcmp(p->in, "HTTP/1.1 101", 12) == 0;
}

static struct peer *join(const char *more_headers)
{
    int fds[2];
    char request[512];
    struct peer *p = &peers[n_peers++];
    assert_true(n_peers <= PEERS_MAX);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    *p = (struct peer){.fd = fds[0], .in = mem_alloc(IN_ROOM)};
    client_new(fds[1]);
    int n = snprintf(request, sizeof request, WS_REQUEST("") "%s\r\n", more_headers);
    assert_int_equal(send(p->fd, request, (size_t)n, 0), n);
    UNTIL(has_101(p));
    return p;
}

static void join_all(size_t n)
{
    while (n--)
        join("");
    for (size_t i = 0; i < n_peers; i++)
        forget_input(&peers[i]);
}

static void say(int64_t id, const char *text)
{
    struct chat_line line = {.kind = CHAT_MESSAGE,
                             .id = id,
                             .text = text,
                             .text_len = strlen(text),
                             .user = "",
                             .color = "",
                             .at = ""};
    room_broadcast(&line);
}

static int has(struct peer *p, const char *text)
{
    take_in(p);
    return memmem(p->in, p->n_in, text, strlen(text)) != NULL;
}

/* Exactly these bytes have come, and are forgotten. */
static void expect(struct peer *p, const char *bytes, size_t n)
{
    take_in(p);
    assert_int_equal(p->n_in, n);
    assert_memory_equal(p->in, bytes, n);
    forget_input(p);
}
#define EXPECT(p, text) expect(p, text, sizeof(text) - 1)

/* ---- tests ---------------------------------------------------------------------------------- */

static void all_get_it_in_their_language(void **state)
{
    (void)state;
    struct peer *a = join(""), *b = join(WS_JSON), *c = join("");
    UNTIL(has(b, "\"presence\",\"present\":2"));
    forget_input(a);
    forget_input(b);
    forget_input(c);
    say(7, "hi");
    UNTIL(has(a, "hi") && has(b, "hi") && has(c, "hi"));
    EXPECT(a, "\x81\x0bMessage: hi");
    EXPECT(b, "\x81\x25{\"type\":\"message\",\"id\":7,\"text\":\"hi\"}");
    EXPECT(c, "\x81\x0bMessage: hi");
    assert_int_equal(history_last(), 7);
    room_broadcast_crowd(CHAT_LEAVE, 3);
    UNTIL(has(a, "left") && has(b, "left"));
    EXPECT(a, "\x81\x1b"
              "3 users have left the chat.");
    assert_true(has(b, "{\"type\":\"leave\",\"text\":\"3 users have left the chat.\",\"n\":3,"
                       "\"present\":3,"));
}

/* Each in one write; and the next turn's, which may wait for a moment, in another. */
static void a_turn_is_one_write(void **state)
{
    (void)state;
    join_all(3);
    say(1, "one");
    say(2, "two");
    room_broadcast_crowd(CHAT_JOIN, 2);
    UNTIL(has(&peers[0], "joined") && has(&peers[1], "joined") && has(&peers[2], "joined"));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(peers[i].n_packets, 1);
        EXPECT(&peers[i], "\x81\x0cMessage: one\x81\x0cMessage: two\x81\x22"
                          "2 users have joined the mock chat.");
    }
    say(3, "three");
    UNTIL(has(&peers[2], "three"));
    assert_int_equal(peers[2].n_packets, 1);
    EXPECT(&peers[2], "\x81\x0eMessage: three");
}

static struct chunk *last_queued(const struct client *c)
{
    const struct send_queue *q = &c->out;
    return q->n ? q->ring[(q->first + q->n - 1) & (q->slots - 1)] : NULL;
}

static int all_are_full(size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!peers[i].client->out.n)
            return 0;
    return 1;
}

/* Nobody reads, so that it stays in the queues: one chunk, as many references as clients. It goes
 * with the last of them (the sanitizer tells if not, or if too early). */
static void one_chunk_for_all(void **state)
{
    static char text[20001];
    int64_t id = 0;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    join_all(5);
    while (!all_are_full(5)) {
        say(++id, text);
        turn();
        assert_true(id < 200);
    }
    struct chunk *before = last_queued(peers[0].client);
    say(++id, text);
    UNTIL(last_queued(peers[0].client) != before);
    struct chunk *chunk = chunk_ref(last_queued(peers[0].client));
    for (size_t i = 1; i < 5; i++)
        assert_ptr_equal(last_queued(peers[i].client), chunk);
    assert_int_equal(chunk->refs, 6);
    hang_up(&peers[3]);
    UNTIL(n_left == 1);
    assert_int_equal(chunk->refs, 5);
    client_close(peers[1].client, 1000, ""); /* its queue stays, the close frame behind it */
    assert_int_equal(chunk->refs, 5);
    UNTIL((take_in(&peers[0]), !peers[0].client->out.n));
    assert_int_equal(chunk->refs, 4);
    for (size_t i = 0; i < 5; i++)
        hang_up(&peers[i]);
    UNTIL(clients_n() == 0);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
}

/* Whole frames "Message: <i>xxxx…", each once, in order. -> how many */
static int count_messages(const struct peer *p, size_t text_len, size_t *ret_end)
{
    int n = 0;
    size_t at = 0, len = 9 + text_len;
    for (; at + 4 + len <= p->n_in && p->in[at] == (char)0x81; at += 4 + len, n++) {
        char number[16];
        snprintf(number, sizeof number, "%06d", n + 1);
        assert_int_equal((unsigned char)p->in[at + 2] << 8 | (unsigned char)p->in[at + 3], len);
        assert_memory_equal(p->in + at + 4 + 9, number, 6);
    }
    *ret_end = at;
    return n;
}

static void the_slow_one_goes_alone(void **state)
{
    static char text[10001];
    size_t end;
    int id = 0;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    join_all(4);
    while (n_left == 0) {
        char number[16];
        assert_true(id < 400);
        snprintf(number, sizeof number, "%06d", ++id);
        memcpy(text, number, 6);
        say(id, text);
        UNTIL((take_in(&peers[1]), take_in(&peers[2]), take_in(&peers[3]),
               peers[3].n_in == (size_t)id * (4 + 9 + 10000)));
    }
    assert_null(peers[0].client);
    assert_int_equal(room_here(), 3);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(count_messages(&peers[i], 10000, &end), id);
    UNTIL(has(&peers[0], "too slow"));
    int got = count_messages(&peers[0], 10000, &end);
    assert_in_range(got, WS_QUEUE_BYTES / 10013 / 2, id - 1);
    assert_memory_equal(peers[0].in + end, "\x88\x0a\x03\xf5too slow", 12);
    assert_int_equal(peers[0].n_in, end + 12);
}

static void a_newcomer_hears_only_what_comes_later(void **state)
{
    (void)state;
    goes_live = 0;
    struct peer *a = join(""), *b = join("");
    forget_input(a);
    forget_input(b);
    room_go_live(a->client->user);
    say(1, "before");
    room_go_live(b->client->user);
    room_go_live(b->client->user); /* is so already */
    say(2, "after");
    UNTIL(has(a, "after") && has(b, "after"));
    EXPECT(a, "\x81\x0fMessage: before\x81\x0eMessage: after");
    EXPECT(b, "\x81\x0eMessage: after");
}

static size_t n_waiting;

static void count_waiting(struct member *m)
{
    n_waiting++;
    room_go_live(m); /* leaves the list under the loop */
}

static void those_who_wait(void **state)
{
    (void)state;
    goes_live = 0;
    join_all(3);
    assert_int_equal(room_here(), 3);
    n_waiting = 0;
    room_each_waiting(count_waiting);
    assert_int_equal(n_waiting, 3);
    room_each_waiting(count_waiting);
    assert_int_equal(n_waiting, 3);
}

static void presence_is_told_when_it_changes(void **state)
{
    (void)state;
    struct peer *a = join(WS_JSON);
    UNTIL(has(a, "\"present\":1,"));
    room_set_elsewhere(0);
    room_broadcast_json("[]");
    UNTIL(has(a, "[]"));
    forget_input(a);
    room_set_elsewhere(4);
    room_set_elsewhere(4);
    room_broadcast_json("{}");
    UNTIL(has(a, "{}"));
    assert_int_equal(room_present(), 5);
    assert_memory_equal(a->in + 2, "{\"type\":\"presence\",\"present\":5,", 31);
    assert_int_equal(a->in[1], a->n_in - 2 - 4); /* the one frame before the "{}" */
    room_set_elsewhere(-3);                      /* a beat that is older than what we know */
    assert_int_equal(room_present(), 1);
}

static int all_have_left(void)
{
    for (size_t i = 0; i < n_peers; i++)
        take_in(&peers[i]);
    return n_left == n_peers;
}

static void all_are_closed_at_the_end(void **state)
{
    (void)state;
    join_all(4);
    room_drain(200);
    UNTIL(all_have_left());
    join(""); /* its handshake was under way */
    UNTIL(all_have_left());
    for (size_t i = 0; i < n_peers; i++)
        assert_true(has(&peers[i], "\x03\xe9the chat moves to another process"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(all_get_it_in_their_language),
        TEST(a_turn_is_one_write),
        TEST(one_chunk_for_all),
        TEST(the_slow_one_goes_alone),
        TEST(a_newcomer_hears_only_what_comes_later),
        TEST(those_who_wait),
        TEST(presence_is_told_when_it_changes),
        TEST(all_are_closed_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
