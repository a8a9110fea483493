#include "worker/outbox.h"

#include <stdlib.h>

#include "base/mem.h"
#include "worker/worker.h"

struct outbox_call {
    struct worker *worker;
    TAILQ_ENTRY(outbox_call) link; /* among those that wait, or those that were sent */
    enum outbox_kind kind;
    size_t n;
    struct job *jobs[JOBS_PER_CALL]; /* NULL: forgotten */
    outbox_answer_fn fns[JOBS_PER_CALL];
};

void outbox_init(struct worker *w)
{
    w->outbox = (struct outbox){0};
    TAILQ_INIT(&w->outbox.waiting);
    TAILQ_INIT(&w->outbox.sent);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Calls one job back with its part of the answer. */
static void answer_job(struct outbox_call *call, size_t i, const struct rds_result *whole)
{
    struct rds_result part = *whole;
    struct job *job = call->jobs[i];
    if (!job)
        return;
    part.reply = rds_at(whole->reply, i);
    const char *error = whole->outcome == RDS_OK ? store_job_error(part.reply) : NULL;
    if (error)
        part = (struct rds_result){.outcome = RDS_ERROR, .text = error};
    call->jobs[i] = NULL;
    job->sending = NULL;
    call->fns[i](job, &part);
}

static void on_answered(void *arg, const struct rds_result *result)
{
    struct outbox_call *call = arg;
    struct outbox *outbox = &call->worker->outbox;
    TAILQ_REMOVE(&outbox->sent, call, link);
    outbox->n_sent--;
    for (size_t i = 0; i < call->n; i++)
        answer_job(call, i, result);
    free(call);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Closes the gaps that forgotten jobs left. */
static void compact(struct outbox_call *call)
{
    size_t n = 0;
    for (size_t i = 0; i < call->n; i++) {
        if (!call->jobs[i])
            continue;
        call->fns[n] = call->fns[i];
        call->jobs[n] = call->jobs[i];
        call->jobs[n]->sending_at = n;
        n++;
    }
    call->n = n;
}

static void send_begins(struct outbox_call *call)
{
    struct job_begin begins[JOBS_PER_CALL];
    for (size_t i = 0; i < call->n; i++)
        begins[i] = (struct job_begin){call->jobs[i]->id, call->jobs[i]->begun.payment_key};
    const struct begin_request request = {call->worker->id, begins, call->n};
    store_begin_jobs(call->worker->rds, &request, on_answered, call);
}

static void send_steps(struct outbox_call *call)
{
    struct step_done steps[JOBS_PER_CALL];
    for (size_t i = 0; i < call->n; i++) {
        const struct job *job = call->jobs[i];
        steps[i] = (struct step_done){job->id, job->begun.epoch, job->begun.step, job->result,
                                      job->wait_ms};
    }
    const struct step_request request = {call->worker->id, steps, call->n};
    store_step_jobs(call->worker->rds, &request, on_answered, call);
}

/* The oldest call that waits goes out; it is dropped when all its jobs were forgotten. */
static void send_oldest(struct worker *w)
{
    struct outbox *outbox = &w->outbox;
    struct outbox_call *call = TAILQ_FIRST(&outbox->waiting);
    TAILQ_REMOVE(&outbox->waiting, call, link);
    if (outbox->last[call->kind] == call)
        outbox->last[call->kind] = NULL;
    compact(call);
    if (call->n == 0) {
        free(call);
        return;
    }
    TAILQ_INSERT_TAIL(&outbox->sent, call, link);
    outbox->n_sent++;
    if (call->kind == OUTBOX_BEGIN)
        send_begins(call);
    else
        send_steps(call);
}

void outbox_turn(struct worker *w)
{
    while (!TAILQ_EMPTY(&w->outbox.waiting) && w->outbox.n_sent < OUTBOX_UNANSWERED)
        send_oldest(w);
}

void outbox_flush(struct worker *w)
{
    while (!TAILQ_EMPTY(&w->outbox.waiting))
        send_oldest(w);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* The call that the next job of this kind goes into. */
static struct outbox_call *call_with_room(struct worker *w, enum outbox_kind kind)
{
    struct outbox_call *call = w->outbox.last[kind];
    if (call && call->n < JOBS_PER_CALL)
        return call;
    call = mem_alloc(sizeof *call);
    call->worker = w;
    call->kind = kind;
    call->n = 0;
    TAILQ_INSERT_TAIL(&w->outbox.waiting, call, link);
    w->outbox.last[kind] = call;
    return call;
}

void outbox_add(struct job *job, enum outbox_kind kind, outbox_answer_fn fn)
{
    struct outbox_call *call = call_with_room(job->worker, kind);
    job->sending = call;
    job->sending_at = call->n;
    call->fns[call->n] = fn;
    call->jobs[call->n++] = job;
}

void outbox_forget(struct job *job)
{
    if (!job->sending)
        return;
    job->sending->jobs[job->sending_at] = NULL;
    job->sending = NULL;
}

static void free_all(struct outbox_calls *calls)
{
    struct outbox_call *call;
    while ((call = TAILQ_FIRST(calls))) {
        TAILQ_REMOVE(calls, call, link);
        free(call);
    }
}

void outbox_release(struct worker *w)
{
    free_all(&w->outbox.waiting);
    free_all(&w->outbox.sent);
}
