/*                     101                      close frame sent
 *   CONNECTING ------------------> OPEN ---------------------------> CLOSING
 *       |                           |                                   |
 *       | refused, health, 5 s      | hung up                           | theirs came, hung up,
 *       v                           v                                   v close_ms
 *     CLOSED <----------------------+-----------------------------------+
 *
 * In: a socket's bytes go to the handshake, then to frames.c; its events come back here. Out: the
 * send queue, flushed when the turn of the loop ends, or when the socket takes more.
 *
 * Heartbeat (RFC 6455, 5.5.2): a ping after ping_ms; a client whose pong does not come within
 * pong_ms is closed 1011. Backpressure: a slow client, whose queue grows over queue_bytes, is
 * closed 1013: it may resume behind the last message it has, and the others do not wait for it.
 *
 * Closing (RFC 6455, 7.1). Our close frame comes last in the queue. A peer that keeps to the
 * protocol answers with its own, and then the socket is closed. After a breach of the protocol
 * input cannot be understood any more: it is discarded, our side is shut down behind the frame once
 * nothing more comes, and the peer's end of file is awaited. For whoever closes a connection with
 * input unread resets it and takes our frame with it: that is we, and nginx when it sees our end.
 */
#include "ws-bridge/client.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"
#include "ws-bridge/handshake.h"

#define READ_BYTES 65536
#define SILENCE_MS 100
#define TALKS_ON_MAX 20 /* waits for silence, 2 s; then it is cut short */
#define REQUEST_ID_CHARACTERS 26

static struct {
    struct ev_loop *loop;
    struct client_rules rules;
    const struct client_owner *owner;
    struct client_list dirty, closed;
    struct deadlines deadlines;
    size_t n;
    struct chunk *ping; /* the same for all */
    char in[READ_BYTES];
} all;

static void on_io(struct ev_loop *loop, ev_io *w, int revents);

/* ---- lists and states ----------------------------------------------------------------------- */

static struct client *client_of(struct deadline *d)
{
    return (struct client *)((char *)d - offsetof(struct client, deadline));
}

static void wait_for(struct client *c, enum client_wait wait)
{
    deadline_set(&all.deadlines, &c->deadline, wait);
}

/* Reads unless it is paused; asks for writability only while a flush has found the socket full. */
static void watch(struct client *c)
{
    int events = (c->is_paused ? 0 : EV_READ) | (c->out.n && !c->is_dirty ? EV_WRITE : 0);
    if (c->state == CLIENT_CLOSED)
        return;
    if (c->io.events == events && ev_is_active(&c->io))
        return;
    ev_io_stop(all.loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events)
        ev_io_start(all.loop, &c->io);
}

static void set_state(struct client *c, enum client_state state)
{
    int was_open = c->state == CLIENT_OPEN;
    c->state = state;
    metric_add(M_WS, (state == CLIENT_OPEN) - was_open);
    if (was_open && state != CLIENT_OPEN)
        all.owner->on_leave(c);
}

static void mark_dirty(struct client *c)
{
    if (c->is_dirty)
        return;
    c->is_dirty = 1;
    TAILQ_INSERT_TAIL(&all.dirty, c, dirty);
}

static void enqueue(struct client *c, struct chunk *chunk)
{
    send_queue_add(&c->out, chunk);
    mark_dirty(c);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Idempotent. */
static void drop(struct client *c)
{
    if (c->state == CLIENT_CLOSED)
        return;
    ev_io_stop(all.loop, &c->io);
    deadline_clear(&all.deadlines, &c->deadline);
    if (c->is_dirty)
        TAILQ_REMOVE(&all.dirty, c, dirty);
    c->is_dirty = 0;
    set_state(c, CLIENT_CLOSED);
    rate_limit_leave(c->limit);
    c->limit = NULL;
    close(c->io.fd);
    send_queue_release(&c->out);
    TAILQ_INSERT_TAIL(&all.closed, c, closed);
    all.n--;
}

/* Nothing is queued any more, and nothing will be. */
static void close_flushed(struct client *c)
{
    c->close_when_flushed = 0;
    if (!c->discards_input) {
        drop(c);
        return;
    }
    c->has_sent = 0;
    if (!c->talks_on)
        (void)shutdown(c->io.fd, SHUT_WR); /* ends with its end of file, or the deadline */
    wait_for(c, c->talks_on ? WAIT_SILENCE : WAIT_CLOSE);
}

static void close_with(struct client *c, struct chunk *frame)
{
    set_state(c, CLIENT_CLOSING);
    enqueue(c, frame);
    chunk_unref(frame);
    wait_for(c, WAIT_CLOSE);
    client_pause(c, 0);
}

void client_close(struct client *c, int code, const char *reason)
{
    if (c->state == CLIENT_CONNECTING)
        drop(c);
    else if (c->state == CLIENT_OPEN)
        close_with(c, chunk_of_close(code, reason));
}

static void close_slow(struct client *c)
{
    send_queue_cut(&c->out);
    client_close(c, WS_TRY_LATER, "too slow");
}

/* ---- out ------------------------------------------------------------------------------------ */

/* Writes what the socket takes. May drop the client. */
static void flush(struct client *c)
{
    if (send_queue_flush(&c->out, c->io.fd))
        drop(c);
}

/* What a flush leads to. May drop the client. */
static void after_flush(struct client *c)
{
    if (c->state == CLIENT_CLOSED)
        return;
    if (!c->out.n && c->close_when_flushed)
        close_flushed(c);
    watch(c);
    if (!c->out.n && c->state == CLIENT_OPEN)
        all.owner->on_drained(c);
}

/* Is it open, and has its queue room? Closes a slow client. */
static int may_send(struct client *c)
{
    if (c->state == CLIENT_OPEN && c->out.bytes > all.rules.queue_bytes) {
        flush(c);
        if (c->state == CLIENT_OPEN && c->out.bytes > all.rules.queue_bytes)
            close_slow(c);
    }
    return c->state == CLIENT_OPEN;
}

void client_send(struct client *c, struct chunk *chunk)
{
    if (may_send(c))
        enqueue(c, chunk);
}

static void send_frame(struct client *c, int opcode, const char *payload, size_t n)
{
    if (!may_send(c))
        return;
    send_queue_add_frame(&c->out, opcode, payload, n);
    mark_dirty(c);
}

void client_send_text(struct client *c, const char *text)
{
    send_frame(c, CHUNK_TEXT, text, strlen(text));
}

void client_pause(struct client *c, int is_paused)
{
    if (c->is_paused == !!is_paused)
        return;
    c->is_paused = !!is_paused;
    watch(c);
}

static void forget_head(struct client *c)
{
    buf_release(c->head);
    free(c->head);
    c->head = NULL;
}

void clients_turn(void)
{
    struct client *c;
    while ((c = TAILQ_FIRST(&all.dirty))) {
        TAILQ_REMOVE(&all.dirty, c, dirty);
        c->is_dirty = 0;
        flush(c);
        after_flush(c);
    }
    while ((c = TAILQ_FIRST(&all.closed))) {
        TAILQ_REMOVE(&all.closed, c, closed);
        if (c->head)
            forget_head(c);
        frames_release(&c->frames); /* not before: drop() may be called from within them */
        free(c);
    }
}

/* ---- events of frames.c --------------------------------------------------------------------- */

static void on_text(void *arg, const char *text, size_t n)
{
    struct client *c = arg;
    if (c->state != CLIENT_OPEN)
        return;
    if (!rate_limit_take_message(c->limit))
        client_close(c, WS_POLICY, "too many messages");
    else
        all.owner->on_text(c, text, n);
}

static void on_ping(void *arg, const char *bytes, size_t n)
{
    send_frame(arg, CHUNK_PONG, bytes, n);
}

static void on_pong(void *arg)
{
    struct client *c = arg;
    if (c->state == CLIENT_OPEN && c->deadline.kind == WAIT_PONG)
        wait_for(c, WAIT_PING);
}

static void on_peer_close(void *arg, int code)
{
    struct client *c = arg;
    if (c->state == CLIENT_OPEN)
        close_with(c, chunk_of_close(code == WS_NO_STATUS ? 0 : code, ""));
    c->close_when_flushed = 1;
    if (!c->out.n && !c->is_dirty)
        mark_dirty(c); /* ended at the end of the turn */
}

static void on_broken(void *arg, int code, const char *why)
{
    struct client *c = arg;
    client_close(c, code, why);
    c->talks_on = TALKS_ON_MAX;
    c->discards_input = 1;
    c->close_when_flushed = 1;
}

static const struct frames_events EVENTS = {.on_text = on_text,
                                            .on_ping = on_ping,
                                            .on_pong = on_pong,
                                            .on_close = on_peer_close,
                                            .on_broken = on_broken};

/* Every byte counts against the rate, whatever it is part of: fragments, pings and empty frames
 * cost time as well. */
static void take_frames(struct client *c, const char *bytes, size_t n)
{
    size_t taken = rate_limit_take_bytes(c->limit, n);
    frames_feed(&c->frames, &EVENTS, c, bytes, taken);
    if (taken < n)
        on_broken(c, WS_POLICY, "too many bytes");
}

/* ---- the handshake -------------------------------------------------------------------------- */

/* nginx sends one along. A request without one is given one, so that every answer has it. */
static void give_request_id(struct handshake *h)
{
    if (!*h->request_id)
        random_base32(h->request_id, REQUEST_ID_CHARACTERS);
}

/* An HTTP answer, after which the connection ends. */
static void end_with_answer(struct client *c, struct buf *answer)
{
    struct chunk *chunk = chunk_of_bytes(answer->data, answer->len);
    set_state(c, CLIENT_CLOSING);
    enqueue(c, chunk);
    chunk_unref(chunk);
    c->discards_input = 1;
    c->close_when_flushed = 1;
    forget_head(c);
    wait_for(c, WAIT_CLOSE);
}

static void open_up(struct client *c, const struct handshake *h, const struct buf *answer)
{
    struct chunk *chunk = chunk_of_bytes(answer->data, answer->len);
    struct buf *head = c->head;
    c->is_json = h->is_json != 0;
    c->limit = rate_limit_enter(h->address);
    enqueue(c, chunk);
    chunk_unref(chunk);
    frames_init(&c->frames, all.rules.limits.max_bytes);
    set_state(c, CLIENT_OPEN);
    wait_for(c, WAIT_PING);
    c->head = NULL;
    all.owner->on_open(c, h->after);
    /* A client may have sent its first frames without waiting for the answer. */
    take_frames(c, head->data + h->n_bytes, head->len - h->n_bytes);
    buf_release(head);
    free(head);
}

static void shake_hands(struct client *c, const char *bytes, size_t n)
{
    struct handshake h;
    struct buf answer = BUF_INIT(4096);
    if (buf_add(c->head, bytes, n)) {
        drop(c);
        return;
    }
    if (!memchr(bytes, '\n', n) && c->head->len <= HANDSHAKE_MAX_BYTES)
        return; /* no further line: the verdict would be the same */
    handshake_read(c->head->data, c->head->len, all.rules.origins, &h);
    give_request_id(&h);
    switch (h.kind) {
    case HANDSHAKE_PARTIAL:
        break;
    case HANDSHAKE_UPGRADE:
        handshake_answer(&h, &answer);
        open_up(c, &h, &answer);
        break;
    case HANDSHAKE_HEALTHZ:
    case HANDSHAKE_READYZ:
        handshake_health(&h, h.kind == HANDSHAKE_READYZ ? all.owner->trouble() : NULL, &answer);
        end_with_answer(c, &answer);
        break;
    case HANDSHAKE_REFUSED:
        handshake_answer(&h, &answer);
        end_with_answer(c, &answer);
        break;
    }
    buf_release(&answer);
}

/* ---- loop events ---------------------------------------------------------------------------- */

static void take(struct client *c, const char *bytes, size_t n)
{
    c->has_sent = 1;
    if (c->discards_input)
        return;
    if (c->state == CLIENT_CONNECTING)
        shake_hands(c, bytes, n);
    else
        take_frames(c, bytes, n);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    struct client *c = w->data;
    if (revents & EV_WRITE)
        mark_dirty(c);
    if (!(revents & EV_READ))
        return;
    ssize_t n = recv(c->io.fd, all.in, sizeof all.in, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        drop(c);
    else
        take(c, all.in, (size_t)n);
}

static void refuse_late(struct client *c)
{
    struct handshake late = {
        .kind = HANDSHAKE_REFUSED, .status = 408, .reason = "the request did not arrive in time"};
    struct buf answer = BUF_INIT(4096);
    give_request_id(&late);
    handshake_answer(&late, &answer);
    end_with_answer(c, &answer);
    buf_release(&answer);
}

static void on_due(struct deadline *d)
{
    struct client *c = client_of(d);
    switch ((enum client_wait)d->kind) {
    case WAIT_HANDSHAKE:
        refuse_late(c);
        break;
    case WAIT_PING:
        c->has_sent = 0;
        wait_for(c, WAIT_PONG);
        client_send(c, all.ping);
        break;
    case WAIT_PONG:
        /* A pong cannot overtake a long frame that comes in, nor be seen while we do not read. */
        if (c->is_paused || (frames_is_inside(&c->frames) && c->has_sent)) {
            c->has_sent = 0;
            wait_for(c, WAIT_PONG);
        } else {
            client_close(c, WS_INTERNAL, "no answer to a ping");
        }
        break;
    case WAIT_SILENCE:
        c->talks_on = c->has_sent ? c->talks_on - 1 : 0;
        close_flushed(c);
        break;
    case WAIT_CLOSE:
        drop(c);
        break;
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

void client_new(int fd)
{
    struct client *c = mem_calloc(1, sizeof *c);
    c->state = CLIENT_CONNECTING;
    c->head = mem_calloc(1, sizeof *c->head);
    c->head->max = HANDSHAKE_MAX_BYTES + READ_BYTES;
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(all.loop, &c->io);
    all.n++;
    wait_for(c, WAIT_HANDSHAKE);
}

size_t clients_n(void)
{
    return all.n;
}

void clients_start(struct ev_loop *loop, const struct client_rules *rules,
                   const struct client_owner *owner)
{
    const int after_ms[DEADLINES_KINDS] = {
        [WAIT_HANDSHAKE] = rules->handshake_ms, [WAIT_PING] = rules->ping_ms,
        [WAIT_PONG] = rules->pong_ms,           [WAIT_SILENCE] = SILENCE_MS,
        [WAIT_CLOSE] = rules->close_ms,
    };
    all.loop = loop;
    all.rules = *rules;
    all.owner = owner;
    rate_limit_start(&rules->limits);
    TAILQ_INIT(&all.dirty);
    TAILQ_INIT(&all.closed);
    all.ping = chunk_of(CHUNK_PING, "", 0);
    deadlines_start(&all.deadlines, loop, after_ms, on_due);
}

void clients_stop(void)
{
    struct deadline *d;
    while ((d = deadlines_any(&all.deadlines))) /* a client that is not closed has one */
        drop(client_of(d));
    clients_turn();
    deadlines_stop(&all.deadlines);
    chunk_unref(all.ping);
    rate_limit_stop();
    frames_pool_free();
}
