/* Takes one claimed job from step to step, until it is settled, waits in the delayed set, or is not
 * ours any more. What a single step does it is given as a table (steps.h); each ends in exactly one
 * of runner_step, runner_fail, runner_dead_letter, runner_fenced, runner_done. */
#ifndef TIFFIN_WORKER_RUNNER_H
#define TIFFIN_WORKER_RUNNER_H

#include <stdint.h>

#include "base/rds.h"

struct job;
struct worker;

/* Does a job's step, once begin has said that it is the job's turn. May call back into the runner
 * before it returns; the job may be gone then. */
typedef void (*job_step_fn)(struct job *job);

/* What the runner needs of the rest of the program; main.c says it. */
struct runner {
    const job_step_fn *steps; /* STEP_COUNT of them, by enum job_step */
    /* A job of ours went into the delayed set and is due in so many milliseconds. */
    void (*on_delayed)(struct worker *w, int64_t ms);
};

/* This id was claimed (or adopted): it is among what we hold, and its job begins. One
 * that is held already was taken from us and came back: it begins again, at once or when the answer
 * to the command under way has come. */
void runner_claimed(struct worker *w, const char *id);

/* Our lease ran out before it was renewed, so any job begun under it may have another owner by now.
 * Those that wait for the payment gateway or the kitchen, or for the answer to their begin, are
 * dropped, unsure: what is still ours, the next reconciliation adopts. The others ask Redis, which
 * answers by their epoch. */
void runner_lease_lapsed(struct worker *w);

/* ---- for the steps ------------------------------------------------------------------------- */

/* To be called first with the answer to any command of the job. True: there is a reply to read.
 * False: there is none, and the job was failed or dropped; it may be gone. */
int runner_answered(struct job *job, const struct rds_result *result);

/* The ends of a step. The job may be gone, or in its next step, when they return. */

/* The step is done, with this result ("ok"; of a payment also "declined", "not_charged"; a
 * literal). wait_ms: before the next one; 0 keeps the job in hand. */
void runner_step(struct job *job, const char *result, int wait_ms);
/* The step did not succeed: retried later, with back-off, or a dead letter after RETRY_TRIES. */
void runner_fail(struct job *job, const char *reason);
/* It never will: a dead letter at once, for an operator to look at. */
void runner_dead_letter(struct job *job, const char *reason);
/* Redis refused a write because of its epoch: the job has another owner. */
void runner_fenced(struct job *job);
/* The job is not ours any more: drops it from memory. */
void runner_done(struct job *job);

#endif
