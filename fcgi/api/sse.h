/* Server-Sent Events (WHATWG HTML, 9.2): one open stream, and the encoding of its records.
 *
 * A record is encoded once, FastCGI header included, and shared by all streams that get it. A slow
 * reader blocks nobody: a stream holds at most the one record that its socket did not take; more
 * is refused (sse_send tells), and its owner brings it up to date when on_drained comes. */
#ifndef TIFFIN_API_SSE_H
#define TIFFIN_API_SSE_H

#include <stddef.h>

struct conn;
struct req;
struct sse;

/* An encoded record. Freed by free(). */
struct sse_record {
    size_t n;
    unsigned char bytes[];
};

/* The data must have no line breaks (JSON as json-c writes it has none) and less than 60 KB: one
 * record. id < 0 and event NULL leave that field away. The caller frees the result. */
struct sse_record *sse_encode(int id, const char *event, const char *data);

struct sse_owner {
    /* The client left: the stream is gone. */
    void (*on_close)(void *arg);
    /* A stream that refused a record takes more. May send and end the stream. */
    void (*on_drained)(void *arg);
    /* The process stops: end the stream (sse_end). */
    void (*on_shutdown)(void *arg);
};

/* Answers the request with an event stream and its `retry:` line; frees the request. */
struct sse *sse_open(struct req *r, const struct sse_owner *owner, void *arg);

/* 0, or -EAGAIN: the reader is slow and this record was not sent. A broken connection counts as
 * sent: on_close follows. */
int sse_send(struct sse *s, const struct sse_record *record);

/* Ends the stream; s is gone. */
void sse_end(struct sse *s);

struct ev_loop;
/* Starts the clock of the heartbeats: a comment after 15 s of silence. */
void sse_start(struct ev_loop *loop);
/* Asks the owners to end all streams, spread over `over_ms` so that the clients do not all come
 * back at once. */
void sse_shutdown(int over_ms);

#endif
