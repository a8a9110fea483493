/* What the tests of resume.c share; one of them is a program. The client, the room, the row of the
 * last messages and the log (a redis-server of our own) are real; the feed is a few numbers that
 * the tests set. */
#ifndef TIFFIN_TESTS_WS_BRIDGE_RESUME_FIXTURE_H
#define TIFFIN_TESTS_WS_BRIDGE_RESUME_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rds.h"
#include "order/keys.h"
#include "tests/unit/support/chat_redis.h"
#include "tests/unit/support/test.h"
#include "tests/unit/support/ws_client.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/resume.h"
#include "ws-bridge/room.h"

#define IN_ROOM (4 << 20)
#define PRESENCE "{\"type\":\"presence\"" /* the first frame once it is up to date */

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

#define UNTIL(condition) WAIT_UNTIL(condition, turn())

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

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
