/* GET /healthz, /readyz, /status, /metrics: how the system is. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/figures.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/status.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/version.h"
#include "order/store.h"

#define METRICS_PAGE_MAX 65536

static int64_t started_ms;

void status_set_start(void)
{
    started_ms = clock_mono_ms();
}

/* ---- /healthz: this process turns ----------------------------------------------------------- */

void get_healthz(struct req *r)
{
    static const char BODY[] = "{\"status\":\"ok\"}";
    reply_text(r, 200, "application/json", BODY, sizeof BODY - 1);
}

/* ---- /readyz: orders can be taken ----------------------------------------------------------- */

/* Both answers must be good; the first bad one answers the request. */
struct readiness {
    int pending;
};

static void not_ready(struct req *r, const char *reason)
{
    reply_unavailable(r, reason);
}

static void part_ready(struct req *r)
{
    struct readiness *ready = r->context;
    if (--ready->pending == 0)
        reply_text(r, 200, "application/json", "{\"status\":\"ready\"}", 18);
}

static int refuse_result(struct req *r, const struct rds_result *result)
{
    if (result->outcome == RDS_OK)
        return 0;
    not_ready(r, result->text);
    return 1;
}

static void on_persistence(struct req *r, const struct rds_result *result)
{
    if (refuse_result(r, result))
        return;
    const char *info = rds_str(result->reply);
    if (!info || strstr(info, "\nloading:1"))
        not_ready(r, "Redis is loading its data.");
    else if (!strstr(info, "\naof_enabled:1"))
        not_ready(r, "Redis does not persist: appendonly is off.");
    else if (!strstr(info, "\naof_last_write_status:ok"))
        not_ready(r, "Redis cannot write its append-only file.");
    else
        part_ready(r);
}

static void on_library(struct req *r, const struct rds_result *result)
{
    if (result->outcome == RDS_ERROR || (result->outcome == RDS_OK &&
                                         !store_library_version_ok(result->reply)))
        not_ready(r, "The Redis function library is missing or of another version; run tiffin-load.");
    else if (!refuse_result(r, result))
        part_ready(r);
}

void get_readyz(struct req *r)
{
    if (!rds_is_up(api.rds)) {
        not_ready(r, rds_reason(api.rds));
        return;
    }
    struct readiness *ready = mem_calloc(1, sizeof *ready);
    ready->pending = 2;
    r->context = ready;
    struct op *info = req_op(r, on_persistence);
    info->cmd = store_info(api.rds, "persistence", req_on_reply, info);
    struct op *library = req_op(r, on_library);
    library->cmd = store_library_version(api.rds, req_on_reply, library);
}

/* ---- /status -------------------------------------------------------------------------------- */

static void add_number(struct json_object *object, const char *name, int64_t number)
{
    json_object_object_add(object, name, json_object_new_int64(number));
}

static void reply_status(struct req *r, const struct figures *f)
{
    static const struct figures UNKNOWN;
    int is_ok = f && f->workers > 0;
    struct json_object *body = json_object_new_object(), *orders = json_object_new_object();
    struct json_object *jobs = json_object_new_object(), *live = json_object_new_object();
    const char *redis = f ? "up" : "down";

    if (!f)
        f = &UNKNOWN;
    json_object_object_add(body, "status", json_object_new_string(is_ok ? "ok" : "degraded"));
    json_object_object_add(body, "version", json_object_new_string(TIFFIN_VERSION));
    add_number(body, "uptime_s", (clock_mono_ms() - started_ms) / 1000);
    json_object_object_add(body, "redis", json_object_new_string(redis));
    add_number(body, "workers", f->workers);
    add_number(orders, "placed", f->stats.placed);
    add_number(orders, "active", f->stats.placed - f->stats.settled);
    add_number(orders, "delivered", f->delivered);
    json_object_object_add(body, "orders", orders);
    add_number(jobs, "ready", f->stats.ready);
    add_number(jobs, "active", f->stats.active);
    add_number(jobs, "delayed", f->stats.delayed);
    add_number(jobs, "dead", f->stats.dead);
    add_number(jobs, "oldest_ready_ms", f->oldest_ready_ms);
    json_object_object_add(jobs, "paused", json_object_new_boolean(f->stats.is_paused != 0));
    json_object_object_add(body, "jobs", jobs);
    add_number(live, "sse", f->live.values[M_SSE]);
    add_number(live, "ws", f->live.values[M_WS]);
    json_object_object_add(body, "live", live);
    reply_json(r, 200, body);
}

void get_status(struct req *r)
{
    if (rds_is_up(api.rds))
        figures_gather(r, reply_status);
    else
        reply_status(r, NULL);
}

/* ---- /metrics: Prometheus text format 0.0.4 ------------------------------------------------- */

static void metric_line(struct buf *page, const char *name, const char *type, const char *help,
                        int64_t value)
{
    (void)buf_addf(page, "# HELP tiffin_%s %s\n# TYPE tiffin_%s %s\ntiffin_%s %lld\n", name, help,
                   name, type, name, (long long)value);
}

static void latency_lines(struct buf *page, const struct live_sum *live)
{
    static const char NAME[] = "tiffin_request_duration_seconds";
    int64_t total = 0;
    (void)buf_addf(page, "# HELP %s Time from request to answer.\n# TYPE %s histogram\n", NAME,
                   NAME);
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        total += live->latency[i];
        if (i < LATENCY_BUCKETS - 1)
            (void)buf_addf(page, "%s_bucket{le=\"%g\"} %lld\n", NAME,
                           (double)latency_bound_us(i) / 1e6, (long long)total);
    }
    (void)buf_addf(page, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.6f\n%s_count %lld\n", NAME,
                   (long long)total, NAME, (double)live->latency_sum_us / 1e6, NAME,
                   (long long)total);
}

static void reply_metrics(struct req *r, const struct figures *f)
{
    if (!f) {
        reply_unavailable(r, "The order store does not answer.");
        return;
    }
    struct buf page = BUF_INIT(METRICS_PAGE_MAX);
    metric_line(&page, "orders_placed_total", "counter", "Orders ever placed.", f->stats.placed);
    metric_line(&page, "orders_settled_total", "counter", "Orders come to their end.", f->stats.settled);
    metric_line(&page, "orders_delivered_total", "counter", "Orders delivered.", f->delivered);
    metric_line(&page, "orders_cancelled_total", "counter", "Orders cancelled, nothing owed.",
                f->cancelled);
    metric_line(&page, "orders_payment_failed_total", "counter", "Orders whose payment failed.",
                f->payment_failed);
    metric_line(&page, "orders_active", "gauge", "Orders not settled.", f->stats.placed - f->stats.settled);
    (void)buf_addf(&page,
                   "# HELP tiffin_jobs Jobs by their place in the queue.\n"
                   "# TYPE tiffin_jobs gauge\n"
                   "tiffin_jobs{place=\"ready\"} %lld\ntiffin_jobs{place=\"active\"} %lld\n"
                   "tiffin_jobs{place=\"delayed\"} %lld\ntiffin_jobs{place=\"dead\"} %lld\n",
                   (long long)f->stats.ready, (long long)f->stats.active, (long long)f->stats.delayed,
                   (long long)f->stats.dead);
    metric_line(&page, "queue_oldest_age_milliseconds", "gauge", "Age of the oldest ready job.",
                f->oldest_ready_ms);
    metric_line(&page, "queue_paused", "gauge", "1 while workers take nothing new.",
                f->stats.is_paused);
    metric_line(&page, "invariant_violations", "gauge",
                "Jobs missing from, or too many in, the four places; 0 unless something is broken.",
                store_stats_violations(&f->stats));
    metric_line(&page, "updates_pending", "gauge", "Updates not yet broadcast.",
                f->stats.updates_pending);
    metric_line(&page, "workers", "gauge", "Worker daemons alive.", f->workers);
    metric_line(&page, "processes", "gauge", "Processes that report figures.", f->processes);
    for (int m = 0; m < METRIC_COUNT; m++)
        metric_line(&page, metric_name((enum metric)m), metric_type((enum metric)m),
                    metric_help((enum metric)m), f->live.values[m]);
    latency_lines(&page, &f->live);
    reply_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", page.data, page.len);
    buf_release(&page);
}

void get_metrics(struct req *r)
{
    if (rds_is_up(api.rds))
        figures_gather(r, reply_metrics);
    else
        reply_metrics(r, NULL);
}
