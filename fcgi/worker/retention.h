/* How long settled orders are kept. One expires by itself (EXPIRE); its entry in the index cannot,
 * so once a minute the entries of expired orders are dropped. And when memory is short, settled
 * orders are evicted before their time, the oldest first: which, and why no others, stands in
 * redis/functions/tiffin/10-retention.lua. Every worker does it, one at a time. */
#ifndef TIFFIN_WORKER_RETENTION_H
#define TIFFIN_WORKER_RETENTION_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "order/store.h"

struct rds;
struct worker;

struct retention {
    /* Its own connection: behind a thousand jobs' commands it would come too late. */
    struct rds *rds;
    ev_timer timer;
    struct rds_cmd *cmd; /* one at a time; NULL between two walks */
    int64_t n_rounds;
    int64_t rest_until;  /* the number of a round: no walk for memory before it */
    int is_short;        /* of memory: from 60 % on until below 50 % */
    int is_refused;      /* Redis answered with an error, and that was logged */
    size_t n_stay;       /* orders at the old end of the index that this walk has stepped over */
    int64_t n_forgotten; /* since memory became short */
    size_t n_batch;
    char batch[STORE_BATCH_MAX][ORDER_ID_SIZE];
};

/* Connects, and starts a timer of one round a second. */
void retention_start(struct worker *w);
/* Cancels the command under way, and disconnects. */
void retention_stop(struct worker *w);

#endif
