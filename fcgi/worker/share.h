/* How much of Redis this worker takes, which serves customers' orders as well: few calls at a time
 * while they come in, so that a customer waits behind few; many while none do, so that Redis never
 * waits for us. What is bounded is what the outbox has unanswered. */
#ifndef TIFFIN_WORKER_SHARE_H
#define TIFFIN_WORKER_SHARE_H

#include <ev.h>
#include <stdint.h>

struct rds_cmd;
struct worker;

/* Calls of a kind, each for up to BATCH_MAX jobs. While 64 connections post as fast as they can, 2
 * leave the worker two fifths of its rate and 3 half of it; 16 drain as fast as any number does
 * (`make bench`: orders). */
#define SHARE_CALLS_RUSH 2
#define SHARE_CALLS_CALM 16

struct share {
    ev_timer timer;
    struct rds_cmd *cmd;     /* the question on its way, or NULL */
    int64_t placed, n_steps; /* when it was last answered; 0 = not yet */
};

/* Starts in calm. To be called after outbox_init(). */
void share_start(struct worker *w);
void share_stop(struct worker *w);

#endif
