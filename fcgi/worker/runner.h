/* Takes one claimed job from step to step, until it is settled, waits in the delayed set, or is not
 * ours any more. The files of the single steps (steps.h) do their work and end it with exactly one
 * of runner_step, runner_fail, runner_bury, runner_fenced. */
#ifndef TIFFIN_WORKER_RUNNER_H
#define TIFFIN_WORKER_RUNNER_H

#include "base/rds.h"

struct job;
struct worker;

/* This id was claimed (taken or adopted): it stands in our active list. One that is held already
 * was taken from us and came back, so it begins again. */
void runner_claimed(struct worker *w, const char *id);

/* ---- for the steps ------------------------------------------------------------------------- */

/* To be called first with the answer to any command of the job. True: there is a reply to read.
 * False: there is none, and what must be done about it has been done; the job may be gone. */
int runner_answered(struct job *job, const struct rds_result *result);

/* The step is done. wait_ms: before the next one; 0 keeps the job in hand. */
void runner_step(struct job *job, const char *result, int wait_ms);
/* The step did not succeed: tried again later, or dead. */
void runner_fail(struct job *job, const char *reason);
/* It never will: people must look at it, now. */
void runner_bury(struct job *job, const char *reason);
/* Redis refused a write: the job is somebody else's. */
void runner_fenced(struct job *job);
/* The job left our list for good. */
void runner_done(struct job *job);

#endif
