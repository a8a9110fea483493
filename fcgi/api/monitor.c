/* GET /live-monitor: the figures of /status and their rates, one event a second.
 *
 * While anybody watches, this process gathers the figures once a second, encodes one record and
 * sends it to all its viewers. It gathers them GATHER_S before the event is due: gathering takes
 * several round trips, each as long as Redis happens to take, and the event must leave on time. It
 * is due at the full second of the wall clock, so that all processes of a machine send at once.
 *
 * It is sent to a few viewers at a time. Sent to thousands at once, it keeps this process, nginx
 * and the clients busy for longer than anybody's event should wait, and each viewer's place in that
 * crowd is another one every second; paced, each viewer hears a second after the last time.
 *
 * Rates are differences between two gatherings; a process that ends takes its counts away, so a
 * sum may fall: then that second counts as nothing. A viewer too slow for a second's event misses
 * it; the next one says all. */
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

#define TICK_MS 1000
#define GATHER_S 0.1 /* before the tick */
/* Sending to n viewers takes at most PACE_STEPS * PACE_S, in steps of PACE_AT_ONCE or more. Up to
 * their product, 4,096, a viewer's place is the same however many come after it. */
#define PACE_STEPS 64
#define PACE_S 0.002
#define PACE_AT_ONCE 64
#define WINDOW 5 /* ticks that rates and latencies look back over */

/* What rates are made of, at one tick. */
struct sample {
    int64_t at_ms;
    int64_t requests, chat;
    int64_t latency[LATENCY_BUCKETS];
};

struct viewer {
    TAILQ_ENTRY(viewer) link;
    struct sse *stream;
};

static struct {
    struct ev_loop *loop;
    TAILQ_HEAD(viewer_list, viewer) viewers; /* in the order they came: it keeps their places */
    size_t n_viewers;
    int64_t phase_ms;                  /* ticks come at this part of a second, by clock_mono_ms() */
    ev_timer tick;                     /* the event is due; active while there are viewers */
    ev_timer gather;                   /* for the next tick; started with it */
    struct stats_query *query;         /* while gathering */
    struct sse_record *record;         /* gathered, not yet sent to all */
    int is_due;                        /* a tick has come and no event since */
    ev_timer pace;                     /* active while sending */
    struct viewer *next;               /* while sending: who gets the event next */
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

/* ---- gathering and sending ------------------------------------------------------------------ */

static struct sse_record *encode_stats(const struct stats *f)
{
    struct json_object *event = stats_view(f);
    if (f) {
        take_sample(f);
        json_object_object_add(event, "orders_per_min",
                               json_object_new_int64(f->placed_last_minute));
        add_rates(event);
    }
    struct sse_record *record = sse_encode(-1, NULL, json_write(event, NULL));
    json_object_put(event);
    return record;
}

static void drop_record(void)
{
    ev_timer_stop(monitor.loop, &monitor.pace);
    free(monitor.record);
    monitor.record = NULL;
    monitor.next = NULL;
}

static void send_to_some(void)
{
    size_t n = monitor.n_viewers / PACE_STEPS + 1;
    if (n < PACE_AT_ONCE)
        n = PACE_AT_ONCE;
    for (; n > 0 && monitor.next; n--) {
        struct viewer *v = monitor.next;
        monitor.next = TAILQ_NEXT(v, link);
        (void)sse_send(v->stream, monitor.record);
    }
    if (!monitor.next)
        drop_record();
}

static void on_pace(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    send_to_some();
}

/* Begins to send the event when it is both due and gathered. */
static void send_if_due(void)
{
    if (!monitor.is_due || !monitor.record)
        return;
    monitor.is_due = 0;
    monitor.next = TAILQ_FIRST(&monitor.viewers);
    ev_timer_set(&monitor.pace, PACE_S, PACE_S);
    ev_timer_start(monitor.loop, &monitor.pace);
    send_to_some();
}

static void on_stats_ready(void *arg, const struct stats *f)
{
    (void)arg;
    monitor.query = NULL;
    if (TAILQ_EMPTY(&monitor.viewers))
        return;
    monitor.record = encode_stats(f);
    send_if_due();
}

static void gather(void)
{
    if (monitor.query || monitor.record)
        return; /* under way, or done */
    if (rds_is_up(api.rds))
        monitor.query = stats_query(on_stats_ready, NULL);
    else
        on_stats_ready(NULL, NULL);
}

static void on_gather(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    gather();
}

static void start_timer(ev_timer *timer, double delay_s)
{
    ev_timer_stop(monitor.loop, timer);
    ev_timer_set(timer, delay_s, 0.);
    ev_timer_start(monitor.loop, timer);
}

/* Until the next tick, about a second from now: never sooner than half of one. A repeating timer
 * would lose its phase when the process is stopped for a while. */
static void await_tick(void)
{
    int64_t ms = (monitor.phase_ms - clock_mono_ms() % TICK_MS + TICK_MS) % TICK_MS;
    double delay_s = (double)(ms < TICK_MS / 2 ? ms + TICK_MS : ms) / 1000;
    start_timer(&monitor.gather, delay_s - GATHER_S);
    start_timer(&monitor.tick, delay_s);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    await_tick();
    if (ev_is_active(&monitor.pace))
        return; /* this process is slow: the event before is still being sent */
    monitor.is_due = 1;
    gather(); /* unless it was: it could not begin while Redis was slow the last time */
    send_if_due();
}

/* ---- viewers -------------------------------------------------------------------------------- */

static void on_close(void *arg)
{
    struct viewer *v = arg;
    if (monitor.next == v)
        monitor.next = TAILQ_NEXT(v, link);
    TAILQ_REMOVE(&monitor.viewers, v, link);
    monitor.n_viewers--;
    free(v);
    if (TAILQ_EMPTY(&monitor.viewers)) {
        monitor_stop();
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

/* The first viewer's event comes at once. */
static void start_ticks(void)
{
    monitor.phase_ms = (clock_mono_ms() - clock_wall_ms() % TICK_MS + TICK_MS) % TICK_MS;
    await_tick();
    monitor.is_due = 1;
    gather();
}

void get_live_monitor(struct req *r)
{
    static const struct sse_owner OWNER = {
        .on_close = on_close, .on_drained = on_drained, .on_shutdown = on_shutdown};
    struct viewer *v = mem_calloc(1, sizeof *v);
    v->stream = sse_open(r, &OWNER, v);
    TAILQ_INSERT_TAIL(&monitor.viewers, v, link);
    monitor.n_viewers++;
    if (!ev_is_active(&monitor.tick))
        start_ticks();
}

void monitor_start(struct ev_loop *loop)
{
    monitor.loop = loop;
    TAILQ_INIT(&monitor.viewers);
    ev_init(&monitor.tick, on_tick);
    ev_init(&monitor.gather, on_gather);
    ev_init(&monitor.pace, on_pace);
}

void monitor_stop(void)
{
    ev_timer_stop(monitor.loop, &monitor.tick);
    ev_timer_stop(monitor.loop, &monitor.gather);
    drop_record();
    monitor.is_due = 0;
}
