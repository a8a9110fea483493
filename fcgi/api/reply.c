#include "api/reply.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/fastcgi.h"
#include "api/request.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/http_status.h"
#include "base/json_build.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rds.h"

#define RETRY_AFTER_S 1
#define HEAD_MAX 4096

void reply_header(struct req *r, const char *name, const char *format, ...)
{
    char value[512];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    (void)buf_addf(&r->headers, "%s: %s\r\n", name, value);
}

static void count(const struct req *r, int status)
{
    metric_add(M_REQUESTS, 1);
    if (status >= 500)
        metric_add(M_REQUESTS_5XX, 1);
    else if (status >= 400)
        metric_add(M_REQUESTS_4XX, 1);
    latency_record(clock_mono_us() - r->started_us);
}

static void send_reply(struct req *r, int status, const char *content_type, const char *body,
                       size_t n)
{
    char head[HEAD_MAX];
    int head_n =
        snprintf(head, sizeof head, "Status: %d %s\r\nCache-Control: no-store\r\n%s", status,
                 http_status_title(status), r->headers.data ? r->headers.data : "");
    if (content_type)
        head_n += snprintf(head + head_n, sizeof head - (size_t)head_n,
                           "Content-Type: %s\r\nContent-Length: %zu\r\n", content_type, n);
    count(r, status);
    struct conn *conn = r->conn;
    int is_head = strcmp(r->method, "HEAD") == 0;
    req_free(r);
    fastcgi_reply(conn, head, (size_t)head_n, body, is_head ? 0 : n);
}

void reply_body(struct req *r, int status, const char *content_type, const char *body, size_t n)
{
    send_reply(r, status, content_type, body, n);
}

void reply_empty(struct req *r, int status)
{
    send_reply(r, status, NULL, "", 0);
}

static void send_object(struct req *r, int status, const char *type, struct json_object *body)
{
    size_t n;
    const char *text = json_write(body, &n);
    send_reply(r, status, type, text, n);
    json_object_put(body);
}

void reply_json(struct req *r, int status, struct json_object *body)
{
    send_object(r, status, "application/json", body);
}

void reply_problem(struct req *r, int status, const char *error, const char *detail, ...)
{
    char text[512];
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "type", json_object_new_string("about:blank"));
    json_object_object_add(body, "title", json_object_new_string(http_status_title(status)));
    json_object_object_add(body, "status", json_object_new_int(status));
    if (detail) {
        va_list args;
        va_start(args, detail);
        vsnprintf(text, sizeof text, detail, args);
        va_end(args);
    }
    json_object_object_add(body, "detail", json_object_new_string(detail ? text : error));
    json_object_object_add(body, "error", json_object_new_string(error));
    json_object_object_add(body, "request_id",
                           json_object_new_string(fastcgi_param(r->conn, "REQUEST_ID")));
    send_object(r, status, "application/problem+json", body);
}

void reply_unavailable(struct req *r, const char *detail)
{
    reply_header(r, "Retry-After", "%d", RETRY_AFTER_S);
    reply_problem(r, 503, "Service temporarily unavailable", "%s", detail);
}

int reply_redis_failure(struct req *r, const struct rds_result *result, const char *consequence)
{
    char detail[256];
    if (result->outcome == RDS_OK)
        return 0;
    snprintf(detail, sizeof detail, "The order store is not available. %s",
             consequence ? consequence : "Please try again.");
    if (rds_is_unavailable(result)) {
        reply_unavailable(r, detail);
    } else {
        log_error("Redis refused a command of %s: %s", r->route->pattern, result->text);
        reply_problem(r, 500, "Internal error", "%s",
                      consequence ? consequence : "Something went wrong here.");
    }
    return 1;
}

struct conn *reply_stream(struct req *r)
{
    static const char HEAD[] = "Status: 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Cache-Control: no-store, no-transform\r\n"
                               "X-Accel-Buffering: no\r\n";
    struct conn *conn = r->conn;
    count(r, 200);
    req_free(r);
    fastcgi_stream(conn, HEAD, sizeof HEAD - 1);
    return conn;
}
