/* What jobs have to tell Redis, gathered into few calls: each of up to JOBS_PER_CALL jobs, with an
 * answer of its own for each of them. At most OUTBOX_UNANSWERED calls are at Redis at a time, which
 * executes all that it has read of one connection before it makes any of it durable and tells
 * anybody: what a reader of the events waits for is the whole turn. So the rest waits here, in the
 * order in which it came, and the last call of each kind fills up. When nothing waits, what is due
 * in a turn of the loop goes out at its end. */
#ifndef TIFFIN_WORKER_OUTBOX_H
#define TIFFIN_WORKER_OUTBOX_H

#include <stddef.h>
#include <sys/queue.h>

#include "base/rds.h"
#include "order/commands.h"

/* As many calls as 256 jobs fill, about 5 ms of Redis' time: with fewer, Redis would be idle while
 * we read its answers, and beside many requests of others our share of it would shrink. */
#define OUTBOX_UNANSWERED (256 / JOBS_PER_CALL)

struct job;
struct worker;
struct outbox_call;

enum outbox_kind { OUTBOX_BEGIN, OUTBOX_STEP, OUTBOX_KINDS };

/* The answer about one job, as if it had been asked about alone: the reply is its part of the
 * whole, a text in the place of an answer is RDS_ERROR. */
typedef void (*outbox_answer_fn)(struct job *job, const struct rds_result *result);

TAILQ_HEAD(outbox_calls, outbox_call);

struct outbox {
    struct outbox_calls waiting;            /* to be sent, the oldest first */
    struct outbox_call *last[OUTBOX_KINDS]; /* of its kind among those that wait, or NULL */
    struct outbox_calls sent;               /* without an answer yet */
    size_t n_sent;
};

void outbox_init(struct worker *w);

/* The job's begin, or its step, goes out with this turn, or when those before it were answered. fn
 * is called back exactly once, and never before this returns, unless outbox_forget() comes first.
 * One at a time of a job. */
void outbox_add(struct job *job, enum outbox_kind kind, outbox_answer_fn fn);
/* The job will not be called back; what was sent about it still runs. Harmless without a call. */
void outbox_forget(struct job *job);

/* To be called once in each turn of the loop: sends what may be sent now. */
void outbox_turn(struct worker *w);
/* Sends all that waits, however much is unanswered: nothing must come before it any more. Calls
 * back nothing before it returns. */
void outbox_flush(struct worker *w);
/* Frees the calls without an answer, after all jobs were closed and the connection was freed. */
void outbox_release(struct worker *w);

#endif
