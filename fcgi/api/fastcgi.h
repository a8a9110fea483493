/* FastCGI connections from nginx, driven by the event loop: the only user of libfcgi.
 *
 * libfcgi's own accept, close and read block, so it is used as a codec over sockets that this
 * module owns (fastcgi.c tells how). One connection carries one request at a time, again and again:
 *
 *   IDLE --readable, request read--> BUSY --fastcgi_reply()--> IDLE
 *                                      |
 *                                      +--fastcgi_stream()--> STREAM --fastcgi_stream_end()--> IDLE
 *   any --nginx hung up--> CLOSED (freed when the loop turn ends)
 *
 * The FastCGI port is a trust boundary: only nginx may reach it. */
#ifndef TIFFIN_API_FASTCGI_H
#define TIFFIN_API_FASTCGI_H

#include <stddef.h>

struct conn;
struct ev_loop;

/* A whole request has been read. Must end in fastcgi_reply() or fastcgi_stream(), now or later. */
typedef void (*fastcgi_request_fn)(struct conn *c);

/* Who has the present request or stream of a connection. */
struct fastcgi_owner {
    /* nginx hung up (the browser left): the connection is gone. */
    void (*on_hangup)(void *user);
    /* A stream's queued record has been sent: it takes more. NULL for a request. */
    void (*on_drained)(void *user);
};

/* Serves a listening, non-blocking socket until fastcgi_stop(). */
void fastcgi_start(struct ev_loop *loop, int listen_fd, fastcgi_request_fn on_request);
/* Stops accepting and closes idle connections, also those that become idle later. */
void fastcgi_stop(void);
/* Requests and streams under way. */
int fastcgi_busy(void);

/* `owner` is kept by reference; `user` is handed to its callbacks. */
void fastcgi_set_owner(struct conn *c, const struct fastcgi_owner *owner, void *user);

/* A FastCGI parameter of the present request; "" when absent. Valid until its reply. */
const char *fastcgi_param(const struct conn *c, const char *name);
/* How often nginx sent it: a request header may come several times. */
int fastcgi_param_times(const struct conn *c, const char *name);

#define FASTCGI_BODY_MAX 65536

/* The request's body: n bytes and a NUL; NULL when it was larger than FASTCGI_BODY_MAX. Valid
 * until the reply. */
const char *fastcgi_body(const struct conn *c, size_t *n);

/* Answers the request: `head` is CGI header lines each ended by CRLF, without the empty line. The
 * connection is then no longer the caller's. */
void fastcgi_reply(struct conn *c, const char *head, size_t head_n, const char *body,
                   size_t body_n);

/* Answers with the head only and keeps the request open as a stream of records. */
void fastcgi_stream(struct conn *c, const char *head, size_t head_n);

#define FASTCGI_RECORD_HEADER 8
/* Writes the 8-byte record header for a payload of n bytes (n < 65536) in front of it, so that a
 * record is encoded once and sent to many streams. */
void fastcgi_record_header(unsigned char out[FASTCGI_RECORD_HEADER], size_t n);

/* Sends one whole record (header and payload). 0: sent or queued; -EAGAIN: refused, the one
 * before is still queued, on_drained will tell; -EPIPE: the peer is gone, on_hangup follows in
 * this loop turn. Never calls back before returning. */
int fastcgi_send(struct conn *c, const unsigned char *record, size_t n);

/* Ends the stream properly; what is queued is still sent. No longer the caller's. */
void fastcgi_stream_end(struct conn *c);

#endif
