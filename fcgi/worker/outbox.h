/* What jobs have to tell Redis: begins and steps, each kind gathered over a turn of the loop and
 * sent as few calls (order/batch.h). */
#ifndef TIFFIN_WORKER_OUTBOX_H
#define TIFFIN_WORKER_OUTBOX_H

#include "order/batch.h"

struct job;
struct worker;

struct outbox {
    struct batch begins, steps;
};

/* For commands over w->durable and w->rds. */
void outbox_init(struct worker *w);

/* From now on: so many calls of each kind at most without an answer; 0 = any number. */
void outbox_bound(struct worker *w, size_t unanswered_max);

/* The job's begin, or its step, goes out with this turn; one of both at a time. fn is called back
 * with the job, as batch_add() says. */
void outbox_begin(struct job *job, rds_reply_fn fn);
void outbox_step(struct job *job, rds_reply_fn fn);

/* To be called once in each turn of the loop: sends what was gathered. */
void outbox_turn(struct worker *w);
/* Frees the calls without an answer, after all jobs were closed and the connection was freed. */
void outbox_release(struct worker *w);

#endif
