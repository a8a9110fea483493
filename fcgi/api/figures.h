/* What GET /status, /metrics and (later) the monitor show, gathered from Redis. */
#ifndef TIFFIN_API_FIGURES_H
#define TIFFIN_API_FIGURES_H

#include <stdint.h>

#include "order/live.h"

struct req;

struct figures {
    int64_t placed, settled, delivered, cancelled, payment_failed;
    int64_t updates_pending, chat_messages;
    int64_t ready, active, delayed, dead;
    int64_t workers; /* alive */
    int64_t processes;
    struct live_sum live;
};

/* Gathers for a request, then calls fn once, with NULL when Redis did not give it all. Uses
 * r->context. */
void figures_gather(struct req *r, void (*fn)(struct req *r, const struct figures *f));

#endif
