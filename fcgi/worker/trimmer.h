/* Drops expired orders from the index of all orders, once a minute. */
#ifndef TIFFIN_WORKER_TRIMMER_H
#define TIFFIN_WORKER_TRIMMER_H

#include <ev.h>
#include <stddef.h>

struct rds_cmd;
struct worker;

struct trimmer {
    ev_timer timer;
    struct rds_cmd *cmd;
    size_t n_kept; /* in this round: old orders that exist (not settled, or settled late) */
    size_t n_batch;
};

void trimmer_start(struct worker *w);
void trimmer_stop(struct worker *w);

#endif
