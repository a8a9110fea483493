/* One job's life in this worker:
 *
 *   claimed --begin--> [ step's work --step--> held ]... --> settled, or delayed (comes back later)
 *                         |              (wait 0: goes straight on)
 *                         +--fail--> delayed, or dead letter
 *
 * Every write carries the epoch that begin gave, as a fencing token. What an answer can be, and
 * what then follows:
 *
 *   the expected one       the next step
 *   fenced, stale          drop the job: it has another owner
 *   none, or unavailable   drop it, unsure whether the command was executed; if it still stands in
 *                          our hands, the next reconciliation adopts it and begins it anew
 *   an error, malformed    fail: retried later with back-off, a dead letter after 8 tries
 *
 * What goes to the payment gateway carries no epoch; it is bounded by our lease instead. */
#include "worker/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "worker/payment_key.h"
#include "worker/retry.h"
#include "worker/steps.h"
#include "worker/worker.h"

static void begin(struct job *job);

/* ---- how a job ends here ------------------------------------------------------------------- */

void runner_done(struct job *job)
{
    job_close(job);
}

static void drop_unsure(struct job *job)
{
    job->worker->n_unsure++;
    job_close(job);
}

/* It was not ours when the command was executed; if a claim was read after the command was sent, it
 * is ours again and begins anew. */
static void not_ours(struct job *job)
{
    if (job->is_claimed_again)
        begin(job);
    else
        job_close(job);
}

void runner_fenced(struct job *job)
{
    metric_add(M_FENCED, 1);
    log_debug("%s: fenced, another worker has it", log_id(job->id));
    not_ours(job);
}

int runner_answered(struct job *job, const struct rds_result *result)
{
    job->cmd = NULL;
    job->batched = NULL;
    if (result->outcome == RDS_OK)
        return 1;
    if (rds_is_unavailable(result)) {
        drop_unsure(job);
    } else if (job->state == JOB_BEGINNING || job->state == JOB_FAILING) {
        /* Without an epoch, or with fail refused, nothing can be written about it. */
        log_warn("%s cannot be run: %s", log_id(job->id), result->text);
        drop_unsure(job);
    } else {
        runner_fail(job, result->text);
    }
    return 0;
}

/* ---- fail ---------------------------------------------------------------------------------- */

static void on_failed(void *arg, const struct rds_result *result)
{
    struct job *job = arg;
    int64_t tries = 0;
    if (!runner_answered(job, result))
        return;
    const char *word = store_word(result->reply);
    if (strcmp(word, "fenced") == 0) {
        runner_fenced(job);
    } else if (strcmp(word, "delayed") == 0) {
        metric_add(M_RETRIES, 1);
        job->worker->runner.on_delayed(job->worker, job->wait_ms);
        runner_done(job);
    } else if (strcmp(word, "dead") == 0) {
        (void)rds_int(rds_at(result->reply, 1), &tries);
        metric_add(M_DEAD, 1);
        log_warn("%s is dead after %d tries, it needs review: %s", log_id(job->id), (int)tries,
                 job->reason);
        runner_done(job);
    } else {
        log_warn("%s: malformed answer to fail", log_id(job->id));
        drop_unsure(job);
    }
}

static void fail(struct job *job, const char *reason, int tries_allowed)
{
    struct worker *w = job->worker;
    snprintf(job->reason, sizeof job->reason, "%s", reason);
    job->wait_ms = retry_delay_ms(job->begun.tries, random_unit());
    log_debug("%s failed (%s); again in %d ms, of %d tries", log_id(job->id), job->reason,
              job->wait_ms, tries_allowed);
    job_set_state(job, JOB_FAILING);
    const struct held_job held = {w->id, job->id, job->begun.epoch};
    const struct step_failed failed = {job->wait_ms, tries_allowed, job->reason};
    job->cmd = store_fail(w->rds, &held, &failed, on_failed, job);
}

void runner_fail(struct job *job, const char *reason)
{
    fail(job, reason, RETRY_TRIES);
}

void runner_dead_letter(struct job *job, const char *reason)
{
    fail(job, reason, 1);
}

/* ---- begin and step ------------------------------------------------------------------------ */

static void run_step(struct job *job)
{
    log_debug("%s: %s", log_id(job->id), job_step_name(job->begun.step));
    job->worker->runner.steps[job->begun.step](job);
}

static void on_begun(void *arg, const struct rds_result *result)
{
    struct job *job = arg;
    const char *reason;
    if (!runner_answered(job, result))
        return;
    switch (store_begin_parse(result->reply, &job->begun, &reason)) {
    case 0:
        if (job->lease == job->worker->intake.lease)
            run_step(job);
        else
            drop_unsure(job); /* its begin may be older than the lease we have now */
        break;
    case -ETIME:
        metric_add(M_DEAD, 1);
        log_warn("%s needs review: %s", log_id(job->id), reason);
        runner_done(job);
        break;
    case -ESTALE:
        not_ours(job);
        break;
    default:
        runner_fail(job, "a step or a field that this version does not know");
    }
}

static void begin(struct job *job)
{
    job->is_claimed_again = 0;
    job_set_state(job, JOB_BEGINNING);
    job->lease = job->worker->intake.lease;
    payment_key_of(job->id, job->begun.payment_key);
    outbox_begin(job, on_begun);
}

static void on_stepped(void *arg, const struct rds_result *result)
{
    struct job *job = arg;
    struct step_next next;
    if (!runner_answered(job, result))
        return;
    switch (store_step_parse(result->reply, &next)) {
    case 0:
        break;
    case -ESTALE:
        runner_fenced(job);
        return;
    default:
        runner_fail(job, "malformed answer to step");
        return;
    }
    metric_add(M_STEPS, 1);
    switch (next.fate) {
    case FATE_SETTLED:
        runner_done(job);
        break;
    case FATE_DELAYED:
        job->worker->runner.on_delayed(job->worker, job->wait_ms);
        runner_done(job);
        break;
    case FATE_HELD:
        job->begun.step = next.step;
        job->begun.tries = 0;
        run_step(job);
        break;
    }
}

void runner_step(struct job *job, const char *result, int wait_ms)
{
    job->result = result;
    job->wait_ms = wait_ms;
    job_set_state(job, JOB_STEPPING);
    outbox_step(job, on_stepped);
}

static void drop_if_calling(struct job *job)
{
    if (job->state == JOB_CALLING)
        drop_unsure(job);
}

void runner_lease_lapsed(struct worker *w)
{
    jobs_each(&w->jobs, drop_if_calling);
}

void runner_claimed(struct worker *w, const char *id)
{
    struct job *job = jobs_find(&w->jobs, id);
    if (!job) {
        job = jobs_add(&w->jobs, id);
        if (job)
            begin(job);
        else
            log_warn("the queue holds what is no job of ours: %s", log_id(id));
        return;
    }
    switch (job->state) {
    case JOB_CLAIMED:
    case JOB_CALLING: /* of an earlier ownership */
        job_stop_calls(job);
        begin(job);
        break;
    case JOB_BEGINNING:
    case JOB_STEPPING:
    case JOB_FAILING: /* its answer decides */
        job->is_claimed_again = 1;
        break;
    case JOB_CLOSED:
        break; /* jobs_find() never returns one */
    }
}
