/* One connection: from the first byte of its handshake to the close of its socket. It knows nothing
 * of rooms or of Redis: its owner is called back, and sends chunks.
 *
 * A client that is closed stays valid until the turn of the loop ends (clients_turn), so that no
 * caller loses it while using it. */
#ifndef TIFFIN_WS_CLIENT_H
#define TIFFIN_WS_CLIENT_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ws-bridge/chunk.h"
#include "ws-bridge/deadlines.h"
#include "ws-bridge/frames.h"
#include "ws-bridge/rate_limit.h"
#include "ws-bridge/send_queue.h"

/* In life order. */
enum client_state {
    CLIENT_CONNECTING, /* its handshake comes in */
    CLIENT_OPEN,
    CLIENT_CLOSING, /* our close frame is queued or sent: until the peer's comes, or time is up */
    CLIENT_CLOSED,  /* the socket is closed, the memory goes at the end of the turn */
};

/* What its deadline is for. */
enum client_wait { WAIT_HANDSHAKE, WAIT_PING, WAIT_PONG, WAIT_SILENCE, WAIT_CLOSE };

struct client {
    TAILQ_ENTRY(client) closed; /* is to be freed when the turn ends */
    TAILQ_ENTRY(client) dirty;  /* has something to be sent when the turn ends */
    void *user;                 /* the owner's */
    enum client_state state;
    unsigned char is_json; /* tiffin.chat.v1 was agreed on */
    unsigned char is_dirty;
    unsigned char discards_input;     /* what it still sends cannot be understood */
    unsigned char close_when_flushed; /* the socket may be closed as soon as the queue is empty */
    unsigned char is_paused;          /* nothing is read from it for now */
    unsigned char has_sent;           /* something came since its deadline was set */
    unsigned char talks_on;           /* so many waits for its silence are left */
    ev_io io;
    struct deadline deadline; /* its kind is a client_wait; set until it is closed */
    struct frames frames;
    struct buf *head; /* the handshake so far; NULL once open */
    struct send_queue out;
    struct rate_limit *limit; /* of its address; NULL = not limited */
};

TAILQ_HEAD(client_list, client);

/* Any of these may send to the client and close it. */
struct client_owner {
    /* after: the id of the last message it has, by its handshake; -1 = none */
    void (*on_open)(struct client *c, int64_t after);
    void (*on_text)(struct client *c, const char *text, size_t n); /* dies when it returns */
    void (*on_drained)(struct client *c); /* its send queue has become empty */
    void (*on_leave)(struct client *c);   /* it is open no more; once, only after on_open */
    const char *(*trouble)(void);         /* for /readyz: what is wrong, or NULL */
};

/* The numbers of conf, copied at the start so that a test can set its own. */
struct client_rules {
    struct rate_limit_rules limits;
    size_t queue_bytes; /* that may wait for a client: more is backpressure, see client_send() */
    int ping_ms, pong_ms, handshake_ms, close_ms;
    const char *origins;
};

void clients_start(struct ev_loop *loop, const struct client_rules *rules,
                   const struct client_owner *owner);
/* Drops all of them at once, without a close frame. */
void clients_stop(void);

/* A new connection; takes over the fd, which must be non-blocking. */
void client_new(int fd);
size_t clients_n(void); /* all, whatever their state */

/* Queues a chunk for the end of the turn; takes a reference of its own. A slow client, whose queue
 * was over the limit before and whose socket takes nothing, is closed 1013 instead: on_leave is
 * called before it returns. Nothing happens unless it is open. */
void client_send(struct client *c, struct chunk *chunk);
/* The same for a text frame that only this client gets; the text is copied. */
void client_send_text(struct client *c, const char *text);
/* Sends our close frame, and waits for its; calls on_leave before it returns, if it was open.
 * Idempotent. The reason is ASCII, at most 123 bytes. */
void client_close(struct client *c, int code, const char *reason);
/* Nothing is read from it until it is called again with 0: for an owner that cannot take more. */
void client_pause(struct client *c, int is_paused);

/* Sends what is queued, frees those that are closed: to be called once in each turn, last. */
void clients_turn(void);

#endif
