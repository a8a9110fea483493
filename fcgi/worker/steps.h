/* What each step does. Each is a job_step_fn and ends in the runner, as runner.h says. */
#ifndef TIFFIN_WORKER_STEPS_H
#define TIFFIN_WORKER_STEPS_H

#include "order/store.h"
#include "worker/runner.h"

/* By enum job_step. */
extern const job_step_fn job_steps[STEP_COUNT];

void payment_run(struct job *job);   /* payment.c */
void refund_run(struct job *job);    /* payment.c */
void kitchen_run(struct job *job);   /* kitchen.c */
void stage_run(struct job *job);     /* stage.c */
void broadcast_run(struct job *job); /* broadcast.c */

/* The wait before a stage, by the settings: random between shortest and longest. */
int stage_wait_ms(void);
/* The same, pure: uniform in [min, max]; `unit` is a random number in [0, 1). */
int stage_wait_between(int min_ms, int max_ms, double unit);

#endif
