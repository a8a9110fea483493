/* How the system is, gathered from Redis: what GET /status, /metrics and /live-monitor show. */
#ifndef TIFFIN_API_STATS_H
#define TIFFIN_API_STATS_H

#include <stdint.h>

#include "order/memory.h"
#include "order/process_metrics.h"
#include "order/store.h"

struct stats_query;
struct json_object;

struct stats {
    struct store_stats queue;
    int64_t delivered, cancelled, payment_failed, forgotten, chat_messages; /* ever */
    int64_t placed_last_minute;
    int64_t oldest_ready_ms;            /* age; 0 = none waits */
    int64_t workers;                    /* alive */
    int64_t processes;                  /* that report what they count */
    struct process_metrics_sum counted; /* by the processes, summed up */
    struct memory memory;               /* Redis', as this process saw it last */
    int is_refusing;                    /* new orders and updates, for want of memory */
};

/* stats is NULL when Redis did not give all of it. */
typedef void (*stats_fn)(void *arg, const struct stats *stats);

/* Gathers, then calls fn once; never before it returns. */
struct stats_query *stats_query(stats_fn fn, void *arg);
/* fn will not be called. */
void stats_query_cancel(struct stats_query *query);
/* Forgets what is under way: the process ends. */
void stats_stop(void);

/* The body of GET /status, also the beginning of the monitor's event. NULL: Redis is away. The
 * caller owns the result. */
struct json_object *stats_view(const struct stats *stats);

/* uptime_s counts from here. Called before the pool forks. */
void stats_set_start(void);

#endif
