/* What GET /status, /metrics and (later) the monitor show, gathered from Redis. */
#ifndef TIFFIN_API_FIGURES_H
#define TIFFIN_API_FIGURES_H

#include <stdint.h>

#include "order/live.h"
#include "order/store.h"

struct req;

struct figures {
    struct store_stats stats;
    int64_t delivered, cancelled, payment_failed, chat_messages; /* ever */
    int64_t oldest_ready_ms;                                     /* age; 0 = none waits */
    int64_t workers;                                             /* alive */
    int64_t processes;
    struct live_sum live;
};

/* Gathers for a request, then calls fn once, with NULL when Redis did not give it all. Uses
 * r->context. */
void figures_gather(struct req *r, void (*fn)(struct req *r, const struct figures *f));

#endif
