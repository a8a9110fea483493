/* How the system is, gathered from Redis: what GET /status, /metrics and /live-monitor show. */
#ifndef TIFFIN_API_FIGURES_H
#define TIFFIN_API_FIGURES_H

#include <stdint.h>

#include "order/memory.h"
#include "order/process_metrics.h"
#include "order/store.h"

struct gathering;
struct json_object;

struct figures {
    struct store_stats stats;
    int64_t delivered, cancelled, payment_failed, forgotten, chat_messages; /* ever */
    int64_t placed_last_minute;
    int64_t oldest_ready_ms; /* age; 0 = none waits */
    int64_t workers;         /* alive */
    int64_t processes;       /* that report figures */
    struct process_metrics_sum live;
    struct memory memory; /* Redis', as this process saw it last */
    int is_refusing;      /* new orders and updates, for want of memory */
};

/* figures is NULL when Redis did not give all of it. */
typedef void (*figures_fn)(void *arg, const struct figures *figures);

/* Gathers, then calls fn once; never before it returns. */
struct gathering *figures_gather(figures_fn fn, void *arg);
/* fn will not be called. */
void figures_cancel(struct gathering *g);
/* Forgets what is under way: the process ends. */
void figures_stop(void);

/* The body of GET /status, also the beginning of the monitor's event. NULL: Redis is away. The
 * caller owns the result. */
struct json_object *figures_view(const struct figures *f);

/* uptime_s counts from here. Called before the pool forks. */
void figures_set_start(void);

#endif
