/* tiffin-ws: the support chat, and the feed of updates, over WebSocket: both sides may send at any
 * moment. Any number of bridges may run; each knows only Redis, where they meet.
 *
 *   nginx --> listener.c --> client.c --> on_text() here --> posts.c --> Redis: chat_post
 *                               ^                                             |
 *                               |                                             | PUBLISH
 *                             room.c <------ feed.c <------ upstream.c <------+
 *                             fan-out        order          the channel
 *
 * The way of a message: listener.c accepts; client.c has the handshake read (handshake.c), its
 * frames parsed (frames.c) and rates checked (rate_limit.c); on_text() here reads it as plain text
 * or JSON (protocol.c) and posts.c sends it. The Redis function chat_post stores, numbers and
 * publishes it in one. So it comes back over the channel, to its sender as to all others:
 * upstream.c passes it to feed.c, which makes one order of the channel and the log, and room.c
 * encodes it once (chunk.c), keeps it in history.c, and queues it for all members (send_queue.c).
 * The answer to the post itself, "accepted" or an error, goes from posts.c to its sender alone.
 *
 * Beside that way: resume.c brings a JSON client up to date before it gets broadcasts, from
 * history.c or out of the log; beat.c tells other bridges how many clients are here, and notices a
 * subscription that is dead; announce.c says who joins and leaves. One loop, nothing blocks; what
 * is queued in a turn of it is sent when the turn ends (room_turn). */
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/drain.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/probe.h"
#include "base/utf8.h"
#include "order/process_metrics.h"
#include "ws-bridge/announce.h"
#include "ws-bridge/beat.h"
#include "ws-bridge/client.h"
#include "ws-bridge/listener.h"
#include "ws-bridge/posts.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/rate_limit.h"
#include "ws-bridge/resume.h"
#include "ws-bridge/room.h"
#include "ws-bridge/upstream.h"

#define HANDSHAKE_MS 5000
#define CLOSE_MS 3000 /* from our close frame to the end */

/* ---- what clients do ------------------------------------------------------------------------ */

static void on_open(struct client *c, int64_t after)
{
    struct member *m = room_enter(c);
    c->user = m;
    if (c->is_json)
        resume_start(m, after);
    else
        room_go_live(m);
    beat_count_changed();
    announce(CHAT_JOIN);
}

static void on_drained(struct client *c)
{
    resume_proceed(c->user);
}

static void on_leave(struct client *c)
{
    struct member *m = c->user;
    resume_stop(m);
    posts_forget(&m->posts);
    room_leave(m);
    c->user = NULL;
    beat_count_changed();
    announce(CHAT_LEAVE);
}

static void send_error(struct client *c, const char *code, const char *text, const char *key)
{
    char *json = protocol_error_json(code, text, key);
    client_send_text(c, json);
    free(json);
}

/* More than the room's rate would make slow clients fall behind until they are closed. So the
 * sender is told instead: nothing is lost in silence. */
static void submit(struct client *c, const struct protocol_post *post)
{
    struct member *m = c->user;
    if (rate_limit_take_room(post->text_len + strlen(post->user)))
        posts_send(&m->posts, post);
    else if (c->is_json)
        send_error(c, "busy", "The chat is busy: the message was not sent. Please try again.",
                   post->key);
    else
        client_close(c, WS_TRY_LATER, "the chat is busy");
}

/* A plain client cannot be told what is wrong with its text: control characters become spaces. */
static void submit_plain(struct client *c, const char *text, size_t n)
{
    char *clean = mem_alloc(n + 1);
    struct protocol_post post = {.text = clean, .user = "", .color = "", .key = ""};
    post.text_len = utf8_blank_controls(text, n, PROTOCOL_CONTROLS_ALLOWED, clean);
    submit(c, &post);
    free(clean);
}

static void on_text(struct client *c, const char *text, size_t n)
{
    struct protocol_post post;
    if (!c->is_json) {
        submit_plain(c, text, n);
        return;
    }
    const char *wrong = protocol_post_parse(text, n, &post);
    if (wrong)
        send_error(c, "bad_message", wrong, post.key);
    else if (post.text_len)
        submit(c, &post);
    protocol_post_release(&post);
}

static const struct client_owner OWNER = {.on_open = on_open,
                                          .on_text = on_text,
                                          .on_drained = on_drained,
                                          .on_leave = on_leave,
                                          .trouble = upstream_trouble};

/* Runs after all other callbacks of a turn: what was broadcast in it goes out. */
static void on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    room_turn();
}

/* ---- stopping ------------------------------------------------------------------------------- */

/* Closes all 1001, spread over most of the drain time. */
static void stop(void)
{
    log_info("stopping: %zu clients, %d ms for them to go", clients_n(), conf.drain_ms);
    listener_close();
    upstream_leave();
    room_drain(conf.drain_ms * 7 / 10);
}

static const struct drain DRAIN = {stop, clients_n, "clients did not close in time"};

/* ---- tiffin-ws --health ---------------------------------------------------------------------- */

/* Asks the running bridge for /readyz. */
static int ask_health(char *why, size_t size)
{
    static const char QUESTION[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char GOOD[] = "HTTP/1.1 200";
    char answer[sizeof GOOD] = "";
    const struct probe probe = {QUESTION, sizeof QUESTION - 1, answer, sizeof answer - 1};
    int err = probe_ask(conf.ws_listen, 0, &probe);
    if (!err && strcmp(answer, GOOD) == 0)
        return 0;
    snprintf(why, size, "the bridge at %s %s: %s", conf.ws_listen,
             err ? "does not answer" : "is not ready", err ? strerror(-err) : answer);
    return err ? err : -EPROTO;
}

/* ---- the program ---------------------------------------------------------------------------- */

static void run(struct ev_loop *loop, int listen_fd)
{
    const struct client_rules rules = {
        .limits = {.rate = conf.chat_rate,
                   .burst = conf.chat_burst,
                   .bytes_rate = conf.chat_bytes_rate,
                   .bytes_burst = conf.chat_bytes_burst,
                   .room_rate = conf.chat_room_rate,
                   .max_bytes = (size_t)conf.chat_max_bytes},
        .queue_bytes = (size_t)conf.chat_queue_bytes,
        .ping_ms = conf.chat_ping_ms,
        .pong_ms = conf.chat_pong_ms,
        .handshake_ms = HANDSHAKE_MS,
        .close_ms = CLOSE_MS,
        .origins = conf.chat_origins,
    };
    ev_prepare turn;
    signal(SIGPIPE, SIG_IGN);
    drain_on_signals(loop, &DRAIN);
    ev_prepare_init(&turn, on_turn);
    ev_set_priority(&turn, EV_MINPRI);
    ev_prepare_start(loop, &turn);
    clients_start(loop, &rules, &OWNER);
    room_start(loop);
    announce_start(loop);
    upstream_start(loop, resume_all);
    posts_start(upstream_commands());
    resume_init(upstream_commands());
    process_metrics_start(loop, upstream_commands(), "ws");
    listener_open(loop, listen_fd);
    log_info("listening on %s; messages up to %d bytes, %d a second of an address; Redis at %s",
             conf.ws_listen, conf.chat_max_bytes, conf.chat_rate, conf.redis);
    ev_run(loop, 0);

    listener_close();
    clients_stop();
    announce_flush();
    ev_run(loop, EVRUN_NOWAIT); /* the announcements leave for Redis */
    announce_stop();
    upstream_stop();
    posts_stop();
    room_stop();
    drain_release(loop);
}

int main(int argc, char **argv)
{
    conf_main(argc, argv, "tiffin-ws", "Carries Tiffin's support chat between browsers and Redis.",
              ask_health);
    if (listen_raise_file_limit())
        log_warn("cannot raise the limit of open files");
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    if (!loop) {
        log_error("no event loop can be made on this system");
        return 1;
    }
    int listen_fd = listen_open(conf.ws_listen, 0);
    if (listen_fd < 0) {
        log_error("cannot listen on %s (TIFFIN_WS_LISTEN): %s", conf.ws_listen,
                  strerror(-listen_fd));
        return 1;
    }
    run(loop, listen_fd);
    ev_loop_destroy(loop);
    return 0;
}
