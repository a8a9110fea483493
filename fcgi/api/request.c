#include "api/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/fastcgi.h"
#include "api/foreign.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/metrics.h"

#define HEADERS_MAX 2048

struct api api;

static size_t current_op_index;

/* ---- waiting -------------------------------------------------------------------------------- */

static struct op *op_new(struct req *r)
{
    struct op *op = mem_calloc(1, sizeof *op);
    op->req = r;
    LIST_INSERT_HEAD(&r->ops, op, link);
    return op;
}

static void on_wait_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct op *op = w->data;
    struct req *r = op->req;
    req_fn fn = op->on_timer;
    LIST_REMOVE(op, link);
    free(op);
    fn(r);
}

void req_wait(struct req *r, int ms, req_fn fn)
{
    if (ms == 0) {
        fn(r);
        return;
    }
    struct op *op = op_new(r);
    op->on_timer = fn;
    ev_timer_init(&op->timer, on_wait_over, ms / 1000.0, 0.);
    op->timer.data = op;
    ev_timer_start(api.loop, &op->timer);
}

struct op *req_op(struct req *r, req_reply_fn fn)
{
    struct op *op = op_new(r);
    op->on_reply = fn;
    return op;
}

void req_on_reply(void *arg, const struct rds_result *result)
{
    struct op *op = arg;
    struct req *r = op->req;
    req_reply_fn fn = op->on_reply;
    current_op_index = op->index;
    LIST_REMOVE(op, link);
    free(op);
    fn(r, result);
}

size_t req_op_index(void)
{
    return current_op_index;
}

static void cancel_ops(struct req *r)
{
    struct op *op;
    while ((op = LIST_FIRST(&r->ops))) {
        LIST_REMOVE(op, link);
        if (op->on_reply)
            rds_cancel(op->cmd);
        else
            ev_timer_stop(api.loop, &op->timer);
        free(op);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

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

static void on_hangup(void *req)
{
    metric_add(M_REQUESTS_ABORTED, 1);
    req_free(req);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct req *r = w->data;
    if (r->route->on_deadline)
        r->route->on_deadline(r);
    else
        reply_unavailable(r, "The answer took too long.");
}

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

/* NULL when it is absent, "" when it came several times. */
static const char *single_header(const struct req *r, const char *name)
{
    int times = req_header_times(r, name);
    return times == 0 ? NULL : times == 1 ? req_header(r, name) : "";
}

/* Another site's page must not order in the visitor's name. True when the request was answered. */
static int refuse_foreign(struct req *r)
{
    if (strcmp(r->method, "POST") != 0)
        return 0;
    const struct provenance from = {.fetch_site = single_header(r, "SEC_FETCH_SITE"),
                                    .origin = single_header(r, "ORIGIN"),
                                    .host = single_header(r, "HOST")};
    if (!is_foreign(&from, conf.origins))
        return 0;
    reply_problem(
        r, 403, "Requests from other sites are not accepted",
        "The page that sent this is not of this host; TIFFIN_ORIGINS can name its origin.");
    return 1;
}

/* RFC 9110, 8.4 and 15.5.16. True when the request was answered. */
static int refuse_encoding(struct req *r)
{
    const char *encoding = single_header(r, "CONTENT_ENCODING");
    if (!encoding || strcasecmp(encoding, "identity") == 0)
        return 0;
    reply_header(r, "Accept-Encoding", "identity");
    reply_problem(r, 415, "Send the body without a Content-Encoding.", NULL);
    return 1;
}

/* The query, and the body of a POST, into r->params. True when the request was answered with an
 * error instead. */
static int refuse_params(struct req *r)
{
    size_t n;
    const char *body = fastcgi_body(r->conn, &n);
    if (!body) {
        reply_problem(r, 413, "Body too large", "At most %d bytes.", FASTCGI_BODY_MAX);
        return 1;
    }
    if (n > 0 && refuse_encoding(r))
        return 1;
    params_init(&r->params, r->route->params);
    int status = params_add_query(&r->params, fastcgi_param(r->conn, "QUERY_STRING"));
    if (!status && strcmp(r->method, "POST") == 0)
        status = params_add_body(&r->params, fastcgi_param(r->conn, "CONTENT_TYPE"), body, n);
    if (status)
        reply_problem(r, status, r->params.error, NULL);
    return status != 0;
}

/* True when the request was answered with an error instead. */
static int refuse(struct req *r)
{
    char allow[32];
    r->route = routes_find(r->method, r->path, r->arg, sizeof r->arg, allow, sizeof allow);
    if (!r->route && *allow) {
        reply_header(r, "Allow", "%s", allow);
        reply_problem(r, 405, "Method not allowed", "Use %s.", allow);
        return 1;
    }
    if (!r->route) {
        reply_problem(r, 404, "No such resource", NULL);
        return 1;
    }
    return refuse_foreign(r) || (r->route->params && refuse_params(r));
}

void req_start(struct conn *conn)
{
    static const struct fastcgi_owner OWNER = {.on_hangup = on_hangup};
    struct req *r = mem_calloc(1, sizeof *r);
    r->conn = conn;
    r->headers.max = HEADERS_MAX;
    r->started_us = clock_mono_us();
    r->method = fastcgi_param(conn, "REQUEST_METHOD");
    r->path = fastcgi_param(conn, "DOCUMENT_URI");
    LIST_INIT(&r->ops);
    fastcgi_set_owner(conn, &OWNER, r);
    if (refuse(r))
        return;

    int limit_ms = conf.request_timeout_ms + (r->route->wait_ms ? *r->route->wait_ms : 0);
    ev_timer_init(&r->deadline, on_deadline, limit_ms / 1000.0, 0.);
    r->deadline.data = r;
    if (!r->route->answers_at_once)
        ev_timer_start(api.loop, &r->deadline);
    r->route->handler(r);
}
