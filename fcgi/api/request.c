#include "api/request.h"

#include <stdlib.h>
#include <string.h>

#include "api/fastcgi.h"
#include "base/clock.h"
#include "base/mem.h"
#include "order/batch.h"

#define HEADERS_MAX 2048

struct api api;

/* One thing that a request waits for: a timer, a Redis command, or one after the other. */
struct op {
    LIST_ENTRY(op) link;
    struct req *req;
    ev_timer timer;
    struct rds_cmd *cmd;         /* NULL while the timer runs … */
    struct batch_entry *batched; /* … or where it is a part of a command for several requests */
    req_fn on_timer;             /* after the timer; NULL = the question is asked then */
    req_ask_fn ask;
    req_reply_fn on_reply;
    req_nth_fn on_nth; /* instead of on_reply, for one of several questions */
    size_t index;
};

static struct op *op_new(struct req *r)
{
    struct op *op = mem_calloc(1, sizeof *op);
    op->req = r;
    LIST_INSERT_HEAD(&r->ops, op, link);
    return op;
}

static void op_free(struct op *op)
{
    LIST_REMOVE(op, link);
    free(op);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void on_wait_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct op *op = w->data;
    struct req *r = op->req;
    req_fn fn = op->on_timer;
    if (!fn) {
        op->cmd = op->ask(api.rds, r->arg, req_on_reply, op);
        return;
    }
    op_free(op);
    fn(r);
}

static void start_timer(struct op *op, int ms)
{
    ev_timer_init(&op->timer, on_wait_over, ms / 1000.0, 0.);
    op->timer.data = op;
    ev_timer_start(api.loop, &op->timer);
}

void req_wait(struct req *r, int ms, req_fn fn)
{
    if (ms == 0) {
        fn(r);
        return;
    }
    struct op *op = op_new(r);
    op->on_timer = fn;
    start_timer(op, ms);
}

/* ---- asking Redis --------------------------------------------------------------------------- */

struct op *req_op(struct req *r, req_reply_fn fn)
{
    struct op *op = op_new(r);
    op->on_reply = fn;
    return op;
}

void req_sent(struct op *op, struct rds_cmd *cmd)
{
    op->cmd = cmd;
}

void req_batched(struct op *op, struct batch_entry *entry)
{
    op->batched = entry;
}

void req_ask(struct req *r, req_reply_fn fn, req_ask_fn ask, const char *id)
{
    struct op *op = req_op(r, fn);
    op->cmd = ask(api.rds, id, req_on_reply, op);
}

void req_ask_nth(struct req *r, req_nth_fn fn, req_ask_fn ask, const char *id, size_t index)
{
    struct op *op = op_new(r);
    op->on_nth = fn;
    op->index = index;
    op->cmd = ask(api.rds, id, req_on_reply, op);
}

void req_ask_after(struct req *r, int ms, req_reply_fn fn, req_ask_fn ask)
{
    if (ms == 0) {
        req_ask(r, fn, ask, r->arg);
        return;
    }
    struct op *op = req_op(r, fn);
    op->ask = ask;
    start_timer(op, ms);
}

void req_on_reply(void *arg, const struct rds_result *result)
{
    struct op *op = arg;
    struct req *r = op->req;
    req_reply_fn fn = op->on_reply;
    req_nth_fn nth = op->on_nth;
    size_t index = op->index;
    op_free(op);
    if (nth)
        nth(r, result, index);
    else
        fn(r, result);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct req *req_new(struct conn *conn)
{
    struct req *r = mem_calloc(1, sizeof *r);
    r->conn = conn;
    r->headers.max = HEADERS_MAX;
    r->started_us = clock_mono_us();
    r->method = fastcgi_param(conn, "REQUEST_METHOD");
    r->path = fastcgi_param(conn, "DOCUMENT_URI");
    LIST_INIT(&r->ops);
    return r;
}

static void cancel_ops(struct req *r)
{
    struct op *op;
    while ((op = LIST_FIRST(&r->ops))) {
        LIST_REMOVE(op, link);
        rds_cancel(op->cmd);
        batch_cancel(op->batched);
        ev_timer_stop(api.loop, &op->timer);
        free(op);
    }
}

void req_free(struct req *r)
{
    cancel_ops(r);
    ev_timer_stop(api.loop, &r->deadline);
    params_release(&r->params);
    buf_release(&r->headers);
    if (r->release)
        r->release(r->context);
    free(r->context);
    free(r);
}

/* ---- headers -------------------------------------------------------------------------------- */

struct header_param {
    char name[64];
};

static struct header_param param_of(const char *header)
{
    struct header_param param = {"HTTP_"};
    strncat(param.name, header, sizeof param.name - 6);
    return param;
}

const char *req_header(const struct req *r, const char *name)
{
    return fastcgi_param(r->conn, param_of(name).name);
}

int req_header_times(const struct req *r, const char *name)
{
    return fastcgi_param_times(r->conn, param_of(name).name);
}
