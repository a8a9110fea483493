/* WebSocket frames that a client sent (RFC 6455, 5): bytes in, cut anywhere, events out. wslay
 * parses frame by frame; what is between them is ours: fragments, control frames among them, the
 * mask, sizes, UTF-8 as it streams. (Frames that go out: chunk.h.)
 *
 * An idle connection costs next to nothing: wslay's context (4.2 KB) is borrowed from a pool while
 * a frame has begun and not ended, a message's buffer exists while its fragments come in. */
#ifndef TIFFIN_WS_FRAMES_H
#define TIFFIN_WS_FRAMES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/utf8.h"

/* Close codes (RFC 6455, 7.4.1). */
#define WS_NORMAL 1000
#define WS_GOING_AWAY 1001
#define WS_PROTOCOL 1002
#define WS_UNSUPPORTED 1003
#define WS_NO_STATUS 1005 /* never on the wire: a close frame without a code */
#define WS_NOT_UTF8 1007
#define WS_POLICY 1008
#define WS_TOO_BIG 1009
#define WS_INTERNAL 1011
#define WS_TRY_LATER 1013

/* Nothing here may release the frames they come from; the bytes die when it returns. */
struct frames_events {
    void (*on_text)(void *arg, const char *text, size_t n); /* a whole message, valid UTF-8 */
    void (*on_ping)(void *arg, const char *bytes, size_t n);
    void (*on_pong)(void *arg);
    /* The peer's close frame: its code or WS_NO_STATUS. Nothing is read after it. */
    void (*on_close)(void *arg, int code);
    /* The peer broke a rule: close with this code. Nothing is read after it. */
    void (*on_broken)(void *arg, int code, const char *why);
};

struct frames {
    struct frames_parser *parser; /* NULL between two frames */
    struct buf message;           /* fragments so far */
    struct utf8_stream utf8;      /* at their end */
    unsigned char in_message;     /* a text message has begun and not ended */
    unsigned char is_over;        /* after on_close or on_broken */
};

void frames_init(struct frames *f, size_t max_bytes);
void frames_release(struct frames *f);

/* Takes all n bytes. Calls back before it returns. (wslay tells of a header with the first byte of
 * its payload: what is wrong with a frame shows then.) */
void frames_feed(struct frames *f, const struct frames_events *events, void *arg, const char *bytes,
                 size_t n);

/* True in the middle of a frame. */
int frames_is_inside(const struct frames *f);

/* Frees the pool: at the end of the process. */
void frames_pool_free(void);

#endif
