/* GET /live-monitor: the figures of /status and their rates, one event a second.
 *
 * While anybody watches, this process gathers the figures once a second, encodes one record and
 * sends it to all its viewers. Rates are differences between two gatherings; a process that ends
 * takes its counts away, so a sum may fall: then that second counts as nothing. A viewer too slow
 * for a second's event misses it; the next one says all. */
#include "api/monitor.h"

#include <ev.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "api/handlers.h"
#include "api/request.h"
#include "api/sse.h"
#include "api/stats.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_build.h"
#include "base/mem.h"

#define TICK_S 1.0
#define WINDOW 5 /* ticks that rates and latencies look back over */

/* What rates are made of, at one tick. */
struct sample {
    int64_t at_ms;
    int64_t requests, chat;
    int64_t latency[LATENCY_BUCKETS];
};

struct viewer {
    LIST_ENTRY(viewer) link;
    struct sse *stream;
};

static struct {
    struct ev_loop *loop;
    LIST_HEAD(viewer_list, viewer) viewers;
    ev_timer tick; /* active while there are viewers */
    struct stats_query *query;
    struct sample samples[WINDOW + 1]; /* a ring: the newest at `newest` */
    int newest, n_samples;
} monitor;

/* ---- rates ---------------------------------------------------------------------------------- */

static void take_sample(const struct stats *f)
{
    monitor.newest = (monitor.newest + 1) % (WINDOW + 1);
    if (monitor.n_samples < WINDOW + 1)
        monitor.n_samples++;
    struct sample *s = &monitor.samples[monitor.newest];
    s->at_ms = clock_mono_ms();
    s->requests = f->counted.values[M_REQUESTS];
    s->chat = f->chat_messages;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        s->latency[i] = f->counted.latency[i];
}

static int64_t rise(int64_t now, int64_t before)
{
    return now > before ? now - before : 0;
}

static void add_rate(struct json_object *event, const char *name, int64_t n, int64_t ms)
{
    json_object_object_add(event, name,
                           json_object_new_int64(ms > 0 ? (n * 1000 + ms / 2) / ms : 0));
}

static void add_rates(struct json_object *event)
{
    int oldest_i = (monitor.newest + WINDOW + 2 - monitor.n_samples) % (WINDOW + 1);
    const struct sample *now = &monitor.samples[monitor.newest];
    const struct sample *then = &monitor.samples[oldest_i];
    int64_t ms = now->at_ms - then->at_ms;
    int64_t latency[LATENCY_BUCKETS];
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        latency[i] = rise(now->latency[i], then->latency[i]);
    add_rate(event, "requests_per_s", rise(now->requests, then->requests), ms);
    add_rate(event, "chat_per_s", rise(now->chat, then->chat), ms);
    json_object_object_add(event, "p50_ms", json_decimal(latency_quantile_ms(latency, 0.50), 3));
    json_object_object_add(event, "p99_ms", json_decimal(latency_quantile_ms(latency, 0.99), 3));
}

/* ---- sending -------------------------------------------------------------------------------- */

static void on_stats_ready(void *arg, const struct stats *f)
{
    (void)arg;
    monitor.query = NULL;
    struct json_object *event = stats_view(f);
    if (f) {
        take_sample(f);
        json_object_object_add(event, "orders_per_min",
                               json_object_new_int64(f->placed_last_minute));
        add_rates(event);
    }
    struct sse_record *record = sse_encode(-1, NULL, json_write(event, NULL));
    struct viewer *v;
    LIST_FOREACH(v, &monitor.viewers, link)
    (void)sse_send(v->stream, record);
    free(record);
    json_object_put(event);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    if (monitor.query)
        return; /* Redis is slow: this second's event comes with the next */
    if (rds_is_up(api.rds))
        monitor.query = stats_query(on_stats_ready, NULL);
    else
        on_stats_ready(NULL, NULL);
}

/* ---- viewers -------------------------------------------------------------------------------- */

static void on_close(void *arg)
{
    struct viewer *v = arg;
    LIST_REMOVE(v, link);
    free(v);
    if (LIST_EMPTY(&monitor.viewers)) {
        ev_timer_stop(monitor.loop, &monitor.tick);
        monitor.n_samples = 0; /* rates must not reach over the pause */
    }
}

static void on_drained(void *arg)
{
    (void)arg; /* it waits for the next second */
}

static void on_shutdown(void *arg)
{
    struct viewer *v = arg;
    sse_end(v->stream);
    on_close(v);
}

void get_live_monitor(struct req *r)
{
    static const struct sse_owner OWNER = {
        .on_close = on_close, .on_drained = on_drained, .on_shutdown = on_shutdown};
    struct viewer *v = mem_calloc(1, sizeof *v);
    v->stream = sse_open(r, &OWNER, v);
    LIST_INSERT_HEAD(&monitor.viewers, v, link);
    if (!ev_is_active(&monitor.tick)) {
        ev_timer_set(&monitor.tick, 0., TICK_S);
        ev_timer_start(monitor.loop, &monitor.tick);
    }
}

void monitor_start(struct ev_loop *loop)
{
    monitor.loop = loop;
    LIST_INIT(&monitor.viewers);
    ev_init(&monitor.tick, on_tick);
}

void monitor_stop(void)
{
    ev_timer_stop(monitor.loop, &monitor.tick);
}
