/* An update whose time has come: into the chat's log, onto its channel, out of the queue, all in
 * one call. */
#include <string.h>

#include "base/metrics.h"
#include "worker/runner.h"
#include "worker/steps.h"
#include "worker/worker.h"

static void on_published(void *arg, const struct rds_result *result)
{
    struct job *job = arg;
    if (!runner_answered(job, result))
        return;
    if (strcmp(store_word(result->reply), "published") == 0) {
        metric_add(M_STEPS, 1);
        metric_add(M_CHAT, 1);
        runner_done(job);
    } else if (strcmp(store_word(result->reply), "fenced") == 0) {
        runner_fenced(job);
    } else {
        runner_fail(job, "malformed answer to publish_update");
    }
}

void broadcast_run(struct job *job)
{
    struct worker *w = job->worker;
    job_set_state(job, JOB_STEPPING);
    const struct held_job held = {w->id, job->id, job->begun.epoch};
    job->cmd = store_publish_update(w->rds, &held, on_published, job);
}
