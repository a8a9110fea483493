/* What jobs have to tell Redis, gathered over a turn of the loop and sent as few calls: each of up
 * to JOBS_PER_CALL jobs, with an answer of its own for each of them. Nobody waits for others: what
 * is due in a turn goes out at its end. */
#ifndef TIFFIN_WORKER_OUTBOX_H
#define TIFFIN_WORKER_OUTBOX_H

#include <stddef.h>

#include "base/rds.h"

struct job;
struct worker;
struct outbox_call;

enum outbox_kind { OUTBOX_BEGIN, OUTBOX_STEP, OUTBOX_KINDS };

/* The answer about one job, as if it had been asked about alone: the reply is its part of the
 * whole, a text in the place of an answer is RDS_ERROR. */
typedef void (*outbox_answer_fn)(struct job *job, const struct rds_result *result);

struct outbox {
    struct outbox_call *open[OUTBOX_KINDS]; /* being gathered, or NULL */
    struct outbox_call *sent;               /* those without an answer, the latest first */
};

/* The job's begin, or its step, goes out with this turn. fn is called back exactly
 * once, and never before this returns, unless outbox_forget() comes first. One at a time of a job.
 */
void outbox_add(struct job *job, enum outbox_kind kind, outbox_answer_fn fn);
/* The job will not be called back; what was sent about it still runs. Harmless without a call. */
void outbox_forget(struct job *job);

/* To be called once in each turn of the loop: sends what was gathered. */
void outbox_turn(struct worker *w);
/* Frees the calls without an answer, after all jobs were closed and the connection was freed. */
void outbox_release(struct worker *w);

#endif
