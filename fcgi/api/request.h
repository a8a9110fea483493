/* One request from its arrival to its answer.
 *
 * A handler gets the request and must see to it that exactly one reply_…() (reply.h) or stream
 * follows, now or from a callback; that call frees the request. Until then it may park it: on a
 * simulated wait (req_wait) or on Redis (req_ask). A parked request costs memory only, no thread.
 * When the client hangs up or the deadline passes, all it waits for is cancelled: no callback
 * ever sees a request that is gone. */
#ifndef TIFFIN_API_REQUEST_H
#define TIFFIN_API_REQUEST_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "api/params.h"
#include "base/buf.h"
#include "base/rds.h"

struct batch_entry;
struct conn;
struct op;
struct req;
struct route;

typedef void (*req_fn)(struct req *r);
typedef void (*req_reply_fn)(struct req *r, const struct rds_result *result);
typedef void (*req_nth_fn)(struct req *r, const struct rds_result *result, size_t index);

#define REQ_ARG_SIZE 72 /* longest id in a path, with its NUL */

struct req {
    struct conn *conn;
    const struct route *route;      /* NULL while none fits */
    const char *method, *path;      /* valid until the reply */
    char arg[REQ_ARG_SIZE];         /* what stood for {id} in the route's pattern */
    struct params params;           /* filled for routes that take parameters */
    struct buf headers;             /* additional header lines of the answer */
    void *context;                  /* a handler's own state: freed with the request by free() */
    void (*release)(void *context); /* if set, called before that */
    int64_t started_us;
    ev_timer deadline;
    LIST_HEAD(op_list, op) ops;
};

/* What all requests of this process share. Set once by main. */
struct api {
    struct ev_loop *loop;
    struct rds *rds;
    /* For promises: replicas have them (TIFFIN_REDIS_ACKS). The same as rds when none need to. */
    struct rds *durable;
};
extern struct api api;

/* For dispatch.c: a request that has just been read from the connection. */
struct req *req_new(struct conn *conn);
/* Cancels what it waits for and frees it; the connection is not touched. For reply.c, streams and
 * the hang-up. */
void req_free(struct req *r);

/* Calls fn after ms milliseconds; at once, before returning, when ms is 0. */
void req_wait(struct req *r, int ms, req_fn fn);

/* Redis, asked in the name of a request: fn gets the answer, unless the request is gone by then. It
 * is never called before these return. `ask` is one of the store_…(rds, id, fn, arg) of
 * order/store.h; the id is copied. */
typedef struct rds_cmd *(*req_ask_fn)(struct rds *rds, const char *id, rds_reply_fn fn, void *arg);
void req_ask(struct req *r, req_reply_fn fn, req_ask_fn ask, const char *id);
/* One of several questions of a kind: fn is told which. */
void req_ask_nth(struct req *r, req_nth_fn fn, req_ask_fn ask, const char *id, size_t index);
/* After ms milliseconds, about r->arg. */
void req_ask_after(struct req *r, int ms, req_reply_fn fn, req_ask_fn ask);

/* The same for a command of another form:
 *
 *     struct op *op = req_op(r, on_ids);
 *     req_sent(op, store_restaurants(api.rds, req_on_reply, op)); */
struct op *req_op(struct req *r, req_reply_fn fn);
void req_sent(struct op *op, struct rds_cmd *cmd);
/* The same for a part of a command: batch_add(…, req_on_reply, op). */
void req_batched(struct op *op, struct batch_entry *entry);
void req_on_reply(void *op, const struct rds_result *result);

/* The value of a request header that nginx hands on ("" when absent): IF_NONE_MATCH … */
const char *req_header(const struct req *r, const char *name);
/* How often it came. Only locations that let all headers through (nginx: `write.conf`) tell an
 * empty header from none, and one from several; elsewhere this is 0 or 1. */
int req_header_times(const struct req *r, const char *name);

#endif
