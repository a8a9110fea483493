#include "worker/outbox.h"

#include <stdlib.h>

#include "base/mem.h"
#include "worker/worker.h"

struct outbox_call {
    struct worker *worker;
    struct outbox_call *next; /* among the sent */
    size_t n;
    struct job *jobs[JOBS_PER_CALL]; /* NULL: forgotten */
    outbox_answer_fn fns[JOBS_PER_CALL];
};

/* ---- the answer ------------------------------------------------------------------------------ */

static void unlink_sent(struct outbox *outbox, struct outbox_call *call)
{
    struct outbox_call **at = &outbox->sent;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
}

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
    unlink_sent(&call->worker->outbox, call);
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

static void send_open(struct worker *w, enum outbox_kind kind)
{
    struct outbox_call *call = w->outbox.open[kind];
    if (!call)
        return;
    w->outbox.open[kind] = NULL;
    compact(call);
    if (call->n == 0) {
        free(call);
        return;
    }
    call->next = w->outbox.sent;
    w->outbox.sent = call;
    if (kind == OUTBOX_BEGIN)
        send_begins(call);
    else
        send_steps(call);
}

void outbox_turn(struct worker *w)
{
    for (int kind = 0; kind < OUTBOX_KINDS; kind++)
        send_open(w, (enum outbox_kind)kind);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void outbox_add(struct job *job, enum outbox_kind kind, outbox_answer_fn fn)
{
    struct worker *w = job->worker;
    struct outbox_call *call = w->outbox.open[kind];
    if (call && call->n == JOBS_PER_CALL) {
        send_open(w, kind);
        call = NULL;
    }
    if (!call) {
        call = mem_alloc(sizeof *call);
        call->worker = w;
        call->n = 0;
        w->outbox.open[kind] = call;
    }
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

void outbox_release(struct worker *w)
{
    for (int kind = 0; kind < OUTBOX_KINDS; kind++) {
        free(w->outbox.open[kind]);
        w->outbox.open[kind] = NULL;
    }
    while (w->outbox.sent) {
        struct outbox_call *call = w->outbox.sent;
        w->outbox.sent = call->next;
        free(call);
    }
}
