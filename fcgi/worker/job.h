/* The jobs this worker holds, found by id. A job is the id of an order or an update; what it is
 * about stands in Redis, here is only what is needed while one of its steps runs.
 *
 * Redis is the truth: a job held here may have been reaped and given to another worker meanwhile
 * (then our next write is fenced), and one that Redis says we hold may be missing here (an orphan,
 * which is adopted). */
#ifndef TIFFIN_WORKER_JOB_H
#define TIFFIN_WORKER_JOB_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "order/store.h"
#include "worker/payment_gateway.h"

struct worker;

/* In life order. In the states marked + a command of the job is on its way to Redis. */
enum job_state {
    JOB_CLAIMED,   /* it is among what we hold */
    JOB_BEGINNING, /* + begin_jobs */
    JOB_CALLING,   /* the payment gateway or the kitchen works */
    JOB_STEPPING,  /* + step_jobs or publish_update */
    JOB_FAILING,   /* + fail */
    JOB_CLOSED,    /* not held any more; the memory waits for the next job */
};

#define REASON_SIZE 128 /* it is stored in the order, which stays small */

struct job {
    struct worker *worker;
    enum job_state state;
    int is_claimed_again; /* claimed anew while an older command of it was still on its way */
    unsigned lease;       /* under which its begin was sent: intake.lease */
    char id[ORDER_ID_SIZE];
    struct job_begun begun; /* what begin said, its step follows the steps taken since; before that
                               answer, the payment key is the proposed one */
    const char *result;     /* of the step on its way; a literal */
    int wait_ms;            /* asked for by the step or fail on its way */
    char reason[REASON_SIZE];    /* of that fail */
    struct rds_cmd *cmd;         /* a command of this job alone, … */
    struct batch_entry *batched; /* … or a part of one for several */
    struct gateway_call call;
    ev_timer timer; /* of the kitchen */

    uint32_t hash;
    struct job *next; /* in its bucket, or among the free */
};

struct jobs {
    struct worker *worker;
    struct job **buckets;
    uint32_t mask;
    size_t n; /* held now */
    struct job *free;
};

/* Sizes the table for about `expected` jobs; more only make it slower. */
void jobs_init(struct jobs *jobs, struct worker *worker, size_t expected);
/* Closes all jobs and gives their memory back. */
void jobs_release(struct jobs *jobs);

/* NULL when it is not held; else it lives until job_close(). */
struct job *jobs_find(const struct jobs *jobs, const char *id);
/* A new job in state CLAIMED; the id must not be held yet. NULL when the id is too long for one of
 * ours. */
struct job *jobs_add(struct jobs *jobs, const char *id);
/* Calls fn with each job held, in no order. It may close that job, and none other. */
void jobs_each(struct jobs *jobs, void (*fn)(struct job *job));
void jobs_close_all(struct jobs *jobs);

void job_set_state(struct job *job, enum job_state state);
/* Stops its timer and its call to the payment gateway; the answer will not be called back. */
void job_stop_calls(struct job *job);
/* Drops the job from memory and cancels its command; nothing is sent to Redis. Idempotent. The job
 * may be reused for another id once this returns. */
void job_close(struct job *job);

#endif
