/* GET /metrics: Prometheus text format 0.0.4, the sum over all processes. */
#include <stdlib.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/stats_request.h"
#include "base/buf.h"
#include "base/metrics.h"

#define PAGE_MAX 65536

static void metric_line(struct buf *page, const char *name, const char *type, const char *help,
                        int64_t value)
{
    (void)buf_addf(page, "# HELP tiffin_%s %s\n# TYPE tiffin_%s %s\ntiffin_%s %lld\n", name, help,
                   name, type, name, (long long)value);
}

static void stored_lines(struct buf *page, const struct stats *f)
{
    const struct store_stats *s = &f->queue;
    const struct {
        const char *name, *type, *help;
        int64_t value;
    } LINES[] = {
        {"orders_placed_total", "counter", "Orders ever placed.", s->placed},
        {"orders_settled_total", "counter", "Orders come to their end.", s->settled},
        {"orders_delivered_total", "counter", "Orders delivered.", f->delivered},
        {"orders_cancelled_total", "counter", "Orders cancelled, nothing owed.", f->cancelled},
        {"orders_payment_failed_total", "counter", "Orders whose payment failed.",
         f->payment_failed},
        {"orders_forgotten_total", "counter", "Settled orders let go before their time, for room.",
         f->forgotten},
        {"refusing_orders", "gauge", "1 while memory is too short for new orders.", f->is_refusing},
        {"redis_memory_used_bytes", "gauge", "Memory that Redis uses.", f->memory.used_bytes},
        {"redis_memory_max_bytes", "gauge", "Its limit; 0 = none.", f->memory.max_bytes},
        {"orders_active", "gauge", "Orders not settled.", s->placed - s->settled},
        {"updates_pending", "gauge", "Updates not yet broadcast.", s->updates_pending},
        {"queue_paused", "gauge", "1 while workers take nothing new.", s->is_paused},
        {"invariant_violations", "gauge",
         "Jobs missing from, or too many in, the four places; 0 unless something is broken.",
         store_stats_violations(s)},
        {"workers", "gauge", "Worker daemons alive.", f->workers},
        {"processes", "gauge", "Processes that report figures.", f->processes},
    };
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++)
        metric_line(page, LINES[i].name, LINES[i].type, LINES[i].help, LINES[i].value);
    (void)buf_addf(page,
                   "# HELP tiffin_queue_oldest_age_seconds Age of the oldest ready job.\n"
                   "# TYPE tiffin_queue_oldest_age_seconds gauge\n"
                   "tiffin_queue_oldest_age_seconds %.3f\n",
                   (double)f->oldest_ready_ms / 1000);
    (void)buf_addf(page,
                   "# HELP tiffin_jobs Jobs by their place in the queue.\n"
                   "# TYPE tiffin_jobs gauge\n"
                   "tiffin_jobs{place=\"ready\"} %lld\ntiffin_jobs{place=\"active\"} %lld\n"
                   "tiffin_jobs{place=\"delayed\"} %lld\ntiffin_jobs{place=\"dead\"} %lld\n",
                   (long long)s->ready, (long long)s->active, (long long)s->delayed,
                   (long long)s->dead);
}

static void latency_lines(struct buf *page, const struct process_metrics_sum *counted)
{
    static const char NAME[] = "tiffin_request_duration_seconds";
    int64_t total = 0;
    (void)buf_addf(page, "# HELP %s Time from request to answer.\n# TYPE %s histogram\n", NAME,
                   NAME);
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        total += counted->latency[i];
        if (i < LATENCY_BUCKETS - 1)
            (void)buf_addf(page, "%s_bucket{le=\"%g\"} %lld\n", NAME,
                           (double)latency_bound_us(i) / 1e6, (long long)total);
    }
    (void)buf_addf(page, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.6f\n%s_count %lld\n", NAME,
                   (long long)total, NAME, (double)counted->latency_sum_us / 1e6, NAME,
                   (long long)total);
}

static void reply_metrics(struct req *r, const struct stats *f)
{
    if (!f) {
        reply_unavailable(r, "The order store does not answer.");
        return;
    }
    struct buf page = BUF_INIT(PAGE_MAX);
    stored_lines(&page, f);
    for (int m = 0; m < METRIC_COUNT; m++)
        metric_line(&page, metric_name((enum metric)m), metric_type((enum metric)m),
                    metric_help((enum metric)m), f->counted.values[m]);
    latency_lines(&page, &f->counted);
    reply_body(r, 200, "text/plain; version=0.0.4; charset=utf-8", page.data, page.len);
    buf_release(&page);
}

void get_metrics(struct req *r)
{
    stats_for_request(r, reply_metrics);
}
