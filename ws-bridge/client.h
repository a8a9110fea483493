/* One connection: from the first byte of its handshake to the close of its socket. It knows nothing
 * of rooms or of Redis: its owner hears what happens and sends chunks.
 *
 * A client that is closed stays valid until the turn of the loop ends (clients_turn), so that no
 * caller loses it under its feet. */
#ifndef TIFFIN_WS_CLIENT_H
#define TIFFIN_WS_CLIENT_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ws-bridge/chunk.h"
#include "ws-bridge/deadlines.h"
#include "ws-bridge/frames.h"
#include "ws-bridge/send_queue.h"

/* In life order. */
enum client_state {
    CLIENT_CONNECTING, /* its handshake comes in */
    CLIENT_OPEN,
    CLIENT_CLOSING, /* our close frame is queued or sent: until the peer's comes, or time is up */
    CLIENT_CLOSED,  /* the socket is closed, the memory goes at the end of the turn */
};

/* What its deadline is for. */
enum client_wait { WAIT_HANDSHAKE, WAIT_PING, WAIT_PONG, WAIT_CLOSE };

struct rate_limit;
struct post;

struct client {
    TAILQ_ENTRY(client) link;  /* of the owner's lists, or of those to be freed */
    TAILQ_ENTRY(client) dirty; /* has something to be sent when the turn ends */
    enum client_state state;
    unsigned char is_dirty;
    unsigned char is_json;            /* tiffin.chat.v1 */
    unsigned char discards_input;     /* what still comes is thrown away: it cannot be understood */
    unsigned char close_when_flushed; /* the socket may be closed as soon as the queue is empty */
    unsigned char is_paused;          /* nothing is read from it for now */
    unsigned char was_heard;          /* something came since the last ping */
    unsigned char is_live;            /* the owner's: gets what is broadcast */
    ev_io io;
    struct deadline deadline; /* its kind is a client_wait; set until it is closed */
    struct frames frames;
    struct buf *head; /* the handshake so far; NULL once open */
    struct send_queue out;
    struct rate_limit *limit; /* of its address; NULL = not limited */

    /* the owner's */
    int64_t after;                    /* the last message it has; resumes behind it */
    struct resume *resume;            /* while it is being brought up to date */
    LIST_HEAD(post_list, post) posts; /* sent to Redis, not answered yet */
    int n_posts;
};

TAILQ_HEAD(client_list, client);

struct client_owner {
    void (*on_open)(struct client *c);
    void (*on_text)(struct client *c, const char *text, size_t n);
    void (*on_drained)(struct client *c); /* its queue has become empty */
    void (*on_leave)(struct client *c);   /* it is open no more; once, only after on_open */
    const char *(*trouble)(void);         /* for /readyz: what is wrong, or NULL */
};

/* The numbers of conf, copied at the start so that a test can set its own. */
struct client_rules {
    size_t max_bytes, queue_bytes;
    int rate, burst; /* of an address, see rate_limit.h; rate 0 = no limits */
    int bytes_rate, bytes_burst, room_rate;
    int ping_ms, pong_ms, handshake_ms, close_ms;
    const char *origins;
};

void clients_start(struct ev_loop *loop, const struct client_rules *rules,
                   const struct client_owner *owner);
/* Drops all of them, without a word. */
void clients_stop(void);

/* A new connection; takes the non-blocking fd. */
void client_new(int fd);
size_t clients_n(void); /* all, whatever their state */

/* Queues a chunk for the end of the turn; takes a reference of its own. A client whose queue was
 * over the limit before, and whose socket takes nothing, is closed 1013. Nothing happens unless it
 * is open. */
void client_send(struct client *c, struct chunk *chunk);
/* Our close frame; idempotent. Calls on_leave before it returns, if it was open. */
void client_close(struct client *c, int code, const char *reason);
/* Reading stops and goes on: for an owner that cannot take more now. */
void client_pause(struct client *c, int is_paused);

/* Sends what is queued, frees who is closed: to be called once in each turn, last. */
void clients_turn(void);

#endif
