/* One request from its arrival to its answer.
 *
 * A handler gets the request and must see to it that exactly one reply_…() (reply.h) or stream
 * follows, now or from a callback; that call frees the request. Until then it may park it: on a
 * simulated wait (req_wait) or on Redis (req_op). A parked request costs memory only, no thread.
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

struct conn;
struct op;
struct req;
struct route;

typedef void (*req_fn)(struct req *r);
typedef void (*req_reply_fn)(struct req *r, const struct rds_result *result);

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
};
extern struct api api;

/* Reads the request of a connection, finds its route and runs it. */
void req_start(struct conn *conn);
/* Cancels what it waits for and frees it; the connection is not touched. For reply.c, streams. */
void req_free(struct req *r);

/* Calls fn after ms milliseconds; at once, before returning, when ms is 0. */
void req_wait(struct req *r, int ms, req_fn fn);

/* A place for one Redis command of this request:
 *
 *     struct op *op = req_op(r, on_menu);
 *     op->cmd = store_restaurant_menu(api.rds, id, req_on_reply, op);
 *
 * on_menu is called with the answer, unless the request is gone by then. */
struct op {
    LIST_ENTRY(op) link;
    struct req *req;
    struct rds_cmd *cmd; /* NULL for a timer */
    req_reply_fn on_reply;
    req_fn on_timer;
    ev_timer timer;
    size_t index; /* for a handler that sends several of a kind */
};
struct op *req_op(struct req *r, req_reply_fn fn);
void req_on_reply(void *op, const struct rds_result *result);
/* Inside an on_reply callback: which of several it is. */
size_t req_op_index(void);

/* The value of a request header that nginx hands on ("" when absent): IF_NONE_MATCH … */
const char *req_header(const struct req *r, const char *name);
/* How often it came. Only locations that let all headers through (nginx: `write.conf`) tell an
 * empty header from none, and one from several; elsewhere this is 0 or 1. */
int req_header_times(const struct req *r, const char *name);

#endif
