/* Money: charged once, whatever dies in between.
 *
 * First the payment key becomes durable (begin), then the gateway is called under it. The worker
 * that runs this step again, after a crash or without an answer, finds the same key, and the
 * gateway answers a known key with its first result. The key is an idempotency key that never
 * changes for a charge: that, not any lock or fence, is what prevents a second one. */
#include "worker/runner.h"
#include "worker/steps.h"
#include "worker/worker.h"

/* ---- the charge ---------------------------------------------------------------------------- */

static void on_charged(void *arg, enum gateway_answer answer, const char *reason)
{
    struct job *job = arg;
    switch (answer) {
    case GATEWAY_CAPTURED:
        runner_step(job, "ok", 0);
        break;
    case GATEWAY_DECLINED:
        runner_step(job, "declined", 0);
        break;
    case GATEWAY_UNKNOWN:
        runner_fail(job, reason);
        break;
    case GATEWAY_REFUNDED:
    case GATEWAY_NOTHING:
        runner_fail(job, "the payment gateway answered another question");
        break;
    }
}

static void charge(struct job *job)
{
    const struct charge charge = {.payment_key = job->begun.payment_key,
                                  .amount_cents = job->begun.amount_cents,
                                  .currency = job->begun.currency};
    job_set_state(job, JOB_CALLING);
    payment_gateway_charge(job->worker->gateway, &job->call, &charge, on_charged, job);
}

void payment_run(struct job *job)
{
    if (*job->begun.payment_key)
        charge(job);
    else if (job->begun.is_cancelled)
        runner_step(job, "not_charged", 0);
    else
        runner_fail(job, "a payment without a key");
}

/* ---- the refund ---------------------------------------------------------------------------- */

static void on_refunded(void *arg, enum gateway_answer answer, const char *reason)
{
    struct job *job = arg;
    switch (answer) {
    case GATEWAY_NOTHING:
        /* We were told that it was captured. Which of the two is right no program can know, and
         * "refunded" must never be inferred; asking again brings the same answer. */
        runner_dead_letter(job,
                           "it is paid, but the gateway knows of nothing to refund: look into its "
                           "books, then tiffin-ctl settle");
        break;
    case GATEWAY_REFUNDED:
        runner_step(job, "ok", 0);
        break;
    case GATEWAY_UNKNOWN:
        runner_fail(job, reason);
        break;
    case GATEWAY_CAPTURED:
    case GATEWAY_DECLINED:
        runner_fail(job, "the payment gateway answered another question");
        break;
    }
}

/* A refund needs no key of its own: the ledger refunds a payment key at most once. */
void refund_run(struct job *job)
{
    if (!*job->begun.payment_key) {
        runner_fail(job, "a refund without a payment key");
        return;
    }
    job_set_state(job, JOB_CALLING);
    payment_gateway_refund(job->worker->gateway, &job->call, job->begun.payment_key, on_refunded,
                           job);
}
