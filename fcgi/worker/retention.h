/* How long what is over is kept. A settled order expires by itself (EXPIRE); its entry in the index
 * cannot, so once a minute those of expired orders are dropped. And when memory is short, settled
 * orders go before their time, the oldest first: what gives way, and why the rest does not, stands
 * in redis/functions/tiffin/09-retention.lua. Every worker does it, one at a time. */
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
    int64_t rest_until;  /* round: no walk for room before it */
    int is_short;        /* of memory: from 60 % on until below 50 % */
    int is_refused;      /* Redis refuses a command: said once */
    size_t n_stay;       /* of the index' old end: met in this walk, and kept */
    int64_t n_forgotten; /* since memory became short */
    size_t n_batch;
    char batch[STORE_BATCH_MAX][ORDER_ID_SIZE];
};

void retention_start(struct worker *w);
void retention_stop(struct worker *w);

#endif
