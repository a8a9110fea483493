/* One frame, as wslay hands it out in pieces:
 *
 *   header seen (begin_frame) -> payload, piece by piece (take_payload) -> its end (end_frame)
 *
 * wslay checks a frame's own shape (control frames short and whole, lengths minimal); its context
 * is opaque, so the bytes that were fed are counted against those of the frames that ended: equal
 * means that nothing is left inside and it can go back to the pool. */
#include "ws-bridge/frames.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/mem.h"

#define CONTROL_MAX 125
#define POOL_MAX 64 /* idle contexts that are kept */

struct frames_parser {
    struct frames_parser *next; /* in the pool */
    wslay_frame_context_ptr wslay;
    const char *in; /* what is being fed */
    size_t in_left;
    uint64_t fed, ended; /* bytes: given to wslay, of frames that ended */
    int in_frame;
    uint64_t payload_done; /* of the present frame */
    unsigned char n_control;
    char control[CONTROL_MAX];
};

/* Whom to tell, during one frames_feed(). */
struct target {
    struct frames *frames;
    const struct frames_events *events;
    void *arg;
};

static struct frames_parser *pool;
static int n_pool;

/* ---- contexts ------------------------------------------------------------------------------- */

static ssize_t on_want(uint8_t *out, size_t room, int flags, void *user)
{
    (void)flags;
    struct frames_parser *p = user;
    size_t n = p->in_left < room ? p->in_left : room;
    if (n == 0)
        return -1; /* to wslay: nothing now */
    memcpy(out, p->in, n);
    p->in += n;
    p->in_left -= n;
    p->fed += n;
    return (ssize_t)n;
}

static struct frames_parser *borrow(void)
{
    static const struct wslay_frame_callbacks CALLBACKS = {.recv_callback = on_want};
    struct frames_parser *p = pool;
    if (p) {
        pool = p->next;
        n_pool--;
        return p;
    }
    p = mem_calloc(1, sizeof *p);
    if (wslay_frame_context_init(&p->wslay, &CALLBACKS, p))
        abort(); /* out of memory */
    return p;
}

static void discard(struct frames_parser *p)
{
    if (!p)
        return;
    wslay_frame_context_free(p->wslay);
    free(p);
}

/* Only between two frames. */
static void give_back(struct frames_parser *p)
{
    if (n_pool == POOL_MAX) {
        discard(p);
        return;
    }
    p->fed = p->ended = 0;
    p->next = pool;
    pool = p;
    n_pool++;
}

void frames_pool_free(void)
{
    while (pool)
        discard(borrow());
}

/* ---- the rules ------------------------------------------------------------------------------ */

static int broken(const struct target *t, int code, const char *why)
{
    t->frames->is_over = 1;
    t->events->on_broken(t->arg, code, why);
    return -1;
}

/* A frame's header has been seen. 0, or -1 when a rule is broken. */
static int begin_frame(const struct target *t, const struct wslay_frame_iocb *frame)
{
    struct frames *f = t->frames;
    if (!frame->mask)
        return broken(t, WS_PROTOCOL, "a client's frames must be masked");
    if (frame->rsv)
        return broken(t, WS_PROTOCOL, "a reserved bit is set and no extension was agreed on");
    switch (frame->opcode) {
    case WSLAY_CONTINUATION_FRAME:
        if (!f->in_message)
            return broken(t, WS_PROTOCOL, "nothing to continue");
        break;
    case WSLAY_TEXT_FRAME:
        if (f->in_message)
            return broken(t, WS_PROTOCOL, "the message before has not ended");
        break;
    case WSLAY_BINARY_FRAME:
        if (f->in_message)
            return broken(t, WS_PROTOCOL, "the message before has not ended");
        return broken(t, WS_UNSUPPORTED, "only text is spoken here");
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return 0;
    default:
        return broken(t, WS_PROTOCOL, "unknown opcode");
    }
    f->in_message = 1;
    if (frame->payload_length > f->message.max - f->message.len)
        return broken(t, WS_TOO_BIG, "the message is too long");
    return 0;
}

/* A piece of a data frame's payload. A message that comes in one piece is not copied. */
static int take_text(const struct target *t, const struct wslay_frame_iocb *frame)
{
    struct frames *f = t->frames;
    const char *bytes = (const char *)frame->data;
    if (utf8_feed(&f->utf8, bytes, frame->data_length))
        return broken(t, WS_NOT_UTF8, "the text is not UTF-8");
    int is_whole = frame->fin && frame->data_length == frame->payload_length && !f->message.len;
    if (!is_whole) {
        (void)buf_add(&f->message, bytes, frame->data_length); /* its room was checked */
        return 0;
    }
    if (!utf8_is_whole(&f->utf8))
        return broken(t, WS_NOT_UTF8, "the text ends within a character");
    f->in_message = 0;
    t->events->on_text(t->arg, bytes, frame->data_length);
    return 0;
}

static int is_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int end_close(const struct target *t, const struct frames_parser *p)
{
    const unsigned char *bytes = (const unsigned char *)p->control;
    int code = WS_NO_STATUS;
    if (p->n_control == 1)
        return broken(t, WS_PROTOCOL, "half a close code");
    if (p->n_control) {
        code = bytes[0] << 8 | bytes[1];
        if (!is_close_code(code))
            return broken(t, WS_PROTOCOL, "no such close code");
        if (utf8_length(p->control + 2, p->n_control - 2) < 0)
            return broken(t, WS_NOT_UTF8, "the reason is not UTF-8");
    }
    t->frames->is_over = 1;
    t->events->on_close(t->arg, code);
    return -1;
}

/* All of a frame's payload has come. */
static int end_frame(const struct target *t, const struct frames_parser *p,
                     const struct wslay_frame_iocb *frame)
{
    struct frames *f = t->frames;
    switch (frame->opcode) {
    case WSLAY_CONNECTION_CLOSE:
        return end_close(t, p);
    case WSLAY_PING:
        t->events->on_ping(t->arg, p->control, p->n_control);
        return 0;
    case WSLAY_PONG:
        t->events->on_pong(t->arg);
        return 0;
    default:
        break;
    }
    if (!frame->fin || !f->in_message)
        return 0; /* more fragments come; or it has been handed on */
    if (!utf8_is_whole(&f->utf8))
        return broken(t, WS_NOT_UTF8, "the text ends within a character");
    f->in_message = 0;
    t->events->on_text(t->arg, f->message.data ? f->message.data : "", f->message.len);
    buf_release(&f->message);
    return 0;
}

static size_t header_bytes(const struct wslay_frame_iocb *frame)
{
    size_t extended = frame->payload_length < 126 ? 0 : frame->payload_length < 65536 ? 2 : 8;
    return 2 + extended + 4;
}

/* What wslay handed out: the next piece of a frame, perhaps its first or last. */
static int take_piece(const struct target *t, struct frames_parser *p,
                      const struct wslay_frame_iocb *frame)
{
    if (!p->in_frame) {
        p->in_frame = 1;
        p->payload_done = 0;
        p->n_control = 0;
        if (begin_frame(t, frame))
            return -1;
    }
    if (wslay_is_ctrl_frame(frame->opcode) && frame->data_length) {
        memcpy(p->control + p->n_control, frame->data, frame->data_length);
        p->n_control = (unsigned char)(p->n_control + frame->data_length);
    } else if (frame->data_length && take_text(t, frame)) {
        return -1;
    }
    p->payload_done += frame->data_length;
    if (p->payload_done < frame->payload_length)
        return 0;
    p->in_frame = 0;
    p->ended += header_bytes(frame) + frame->payload_length;
    return end_frame(t, p, frame);
}

/* ---- feeding -------------------------------------------------------------------------------- */

void frames_init(struct frames *f, size_t max_bytes)
{
    *f = (struct frames){.message = BUF_INIT(max_bytes)};
}

void frames_feed(struct frames *f, const struct frames_events *events, void *arg, const char *bytes,
                 size_t n)
{
    const struct target t = {f, events, arg};
    if (f->is_over || n == 0)
        return;
    struct frames_parser *p = f->parser ? f->parser : borrow();
    f->parser = p;
    p->in = bytes;
    p->in_left = n;
    while (!f->is_over) {
        struct wslay_frame_iocb frame;
        ssize_t got = wslay_frame_recv(p->wslay, &frame);
        if (got >= 0)
            (void)take_piece(&t, p, &frame);
        else if (got != WSLAY_ERR_WANT_READ)
            (void)broken(&t, WS_PROTOCOL, "a malformed frame");
        else if (p->in_left == 0)
            break;
    }
    if (f->is_over) {
        frames_release(f);
    } else if (p->fed == p->ended) {
        f->parser = NULL;
        give_back(p);
    }
}

int frames_is_inside(const struct frames *f)
{
    return f->parser != NULL;
}

void frames_release(struct frames *f)
{
    discard(f->parser);
    f->parser = NULL;
    buf_release(&f->message);
}
