#include "worker/outbox.h"

#include "worker/worker.h"

static void send_begins(struct rds *r, const void *const jobs[], size_t n, rds_reply_fn fn,
                        void *arg)
{
    struct job_begin begins[BATCH_MAX];
    const struct worker *w = ((const struct job *)jobs[0])->worker;
    for (size_t i = 0; i < n; i++) {
        const struct job *job = jobs[i];
        begins[i] = (struct job_begin){job->id, job->begun.payment_key};
    }
    store_begin_jobs(r, &(struct begin_request){w->id, begins, n}, fn, arg);
}

static void send_steps(struct rds *r, const void *const jobs[], size_t n, rds_reply_fn fn,
                       void *arg)
{
    struct step_done steps[BATCH_MAX];
    const struct worker *w = ((const struct job *)jobs[0])->worker;
    for (size_t i = 0; i < n; i++) {
        const struct job *job = jobs[i];
        steps[i] = (struct step_done){job->id, job->begun.epoch, job->begun.step, job->result,
                                      job->wait_ms};
    }
    store_step_jobs(r, &(struct step_request){w->id, steps, n}, fn, arg);
}

void outbox_init(struct worker *w)
{
    batch_init(&w->outbox.begins, w->durable, send_begins, 0);
    batch_init(&w->outbox.steps, w->rds, send_steps, 0);
}

void outbox_bound(struct worker *w, size_t unanswered_max)
{
    w->outbox.begins.unanswered_max = w->outbox.steps.unanswered_max = unanswered_max;
}

void outbox_begin(struct job *job, rds_reply_fn fn)
{
    job->batched = batch_add(&job->worker->outbox.begins, job, fn, job);
}

void outbox_step(struct job *job, rds_reply_fn fn)
{
    job->batched = batch_add(&job->worker->outbox.steps, job, fn, job);
}

void outbox_turn(struct worker *w)
{
    batch_turn(&w->outbox.begins);
    batch_turn(&w->outbox.steps);
}

void outbox_release(struct worker *w)
{
    batch_release(&w->outbox.begins);
    batch_release(&w->outbox.steps);
}
