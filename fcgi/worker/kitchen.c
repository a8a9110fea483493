/* Tells the kitchen, simulated: a wait, then it has acknowledged. An order that was cancelled is
 * not sent to it; the step function then leads to the refund. */
#include "base/conf.h"
#include "worker/runner.h"
#include "worker/steps.h"
#include "worker/worker.h"

static void on_acknowledged(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    runner_step(w->data, "ok", stage_wait_ms());
}

void kitchen_run(struct job *job)
{
    if (job->begun.is_cancelled) {
        runner_step(job, "ok", 0); /* what follows is the refund: no stage to wait for */
        return;
    }
    if (conf.kitchen_ms == 0) {
        runner_step(job, "ok", stage_wait_ms());
        return;
    }
    job_set_state(job, JOB_CALLING);
    ev_timer_init(&job->timer, on_acknowledged, conf.kitchen_ms / 1000.0, 0.);
    job->timer.data = job;
    ev_timer_start(job->worker->loop, &job->timer);
}
