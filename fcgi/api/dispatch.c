#include "api/dispatch.h"

#include <string.h>
#include <strings.h>

#include "api/fastcgi.h"
#include "api/foreign.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/routes.h"
#include "base/conf.h"
#include "base/metrics.h"

/* ---- refusals: true when the request was answered with an error ------------------------------ */

/* NULL when it is absent, "" when it came several times. */
static const char *single_header(const struct req *r, const char *name)
{
    int times = req_header_times(r, name);
    return times == 0 ? NULL : times == 1 ? req_header(r, name) : "";
}

/* Another site's page must not order in the visitor's name. */
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

/* RFC 9110, 8.4 and 15.5.16. */
static int refuse_encoding(struct req *r)
{
    const char *encoding = single_header(r, "CONTENT_ENCODING");
    if (!encoding || strcasecmp(encoding, "identity") == 0)
        return 0;
    reply_header(r, "Accept-Encoding", "identity");
    reply_problem(r, 415, "Send the body without a Content-Encoding.", NULL);
    return 1;
}

/* The query, and the body of a POST, into r->params. */
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

static int refuse(struct req *r)
{
    struct route_match match;
    routes_find(r->method, r->path, &match);
    r->route = match.route;
    memcpy(r->arg, match.arg, sizeof r->arg);
    if (!r->route && *match.allow) {
        reply_header(r, "Allow", "%s", match.allow);
        reply_problem(r, 405, "Method not allowed", "Use %s.", match.allow);
        return 1;
    }
    if (!r->route) {
        reply_problem(r, 404, "No such resource", NULL);
        return 1;
    }
    return refuse_foreign(r) || (r->route->params && refuse_params(r));
}

/* ---- deadline and hang-up ------------------------------------------------------------------- */

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

/* ---- from connection to handler ------------------------------------------------------------- */

void dispatch(struct conn *conn)
{
    static const struct fastcgi_owner OWNER = {.on_hangup = on_hangup};
    struct req *r = req_new(conn);
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
