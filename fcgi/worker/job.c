#include "worker/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "worker/worker.h"

static const char *const STATE_NAMES[] = {
    [JOB_CLAIMED] = "claimed",   [JOB_BEGINNING] = "beginning", [JOB_CALLING] = "calling",
    [JOB_STEPPING] = "stepping", [JOB_FAILING] = "failing",     [JOB_CLOSED] = "closed",
};

/* ---- the table ----------------------------------------------------------------------------- */

void jobs_init(struct jobs *jobs, struct worker *worker, size_t expected)
{
    uint32_t n_buckets = 16;
    while (n_buckets < 2 * expected)
        n_buckets *= 2;
    *jobs = (struct jobs){.worker = worker, .mask = n_buckets - 1};
    jobs->buckets = mem_calloc(n_buckets, sizeof(struct job *));
}

void jobs_release(struct jobs *jobs)
{
    jobs_close_all(jobs);
    while (jobs->free) {
        struct job *job = jobs->free;
        jobs->free = job->next;
        free(job);
    }
    free(jobs->buckets);
    jobs->buckets = NULL;
}

struct job *jobs_find(const struct jobs *jobs, const char *id)
{
    uint32_t hash = text_hash(id);
    struct job *job = jobs->buckets[hash & jobs->mask];
    while (job && (job->hash != hash || strcmp(job->id, id) != 0))
        job = job->next;
    return job;
}

struct job *jobs_add(struct jobs *jobs, const char *id)
{
    size_t length = strlen(id);
    if (length >= ORDER_ID_SIZE)
        return NULL;
    struct job *job = jobs->free;
    if (job)
        jobs->free = job->next;
    else
        job = mem_alloc(sizeof *job);
    memset(job, 0, sizeof *job);
    job->worker = jobs->worker;
    job->state = JOB_CLAIMED;
    memcpy(job->id, id, length + 1);
    job->hash = text_hash(id);

    struct job **bucket = &jobs->buckets[job->hash & jobs->mask];
    job->next = *bucket;
    *bucket = job;
    metric_values[M_HELD] = (int64_t)++jobs->n;
    return job;
}

static void unlink_job(struct jobs *jobs, struct job *job)
{
    struct job **at = &jobs->buckets[job->hash & jobs->mask];
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    metric_values[M_HELD] = (int64_t)--jobs->n;
}

void jobs_each(struct jobs *jobs, void (*fn)(struct job *job))
{
    for (uint32_t i = 0; i <= jobs->mask; i++) {
        struct job *next;
        for (struct job *job = jobs->buckets[i]; job; job = next) {
            next = job->next; /* fn may close the job */
            fn(job);
        }
    }
}

void jobs_close_all(struct jobs *jobs)
{
    jobs_each(jobs, job_close);
}

/* ---- one job ------------------------------------------------------------------------------- */

void job_set_state(struct job *job, enum job_state state)
{
    log_debug("%s: %s -> %s", log_id(job->id), STATE_NAMES[job->state], STATE_NAMES[state]);
    job->state = state;
}

void job_stop_calls(struct job *job)
{
    payment_gateway_cancel(&job->call);
    ev_timer_stop(job->worker->loop, &job->timer);
}

void job_close(struct job *job)
{
    struct jobs *jobs = &job->worker->jobs;
    if (job->state == JOB_CLOSED)
        return;
    job_stop_calls(job);
    rds_cancel(job->cmd);
    job->cmd = NULL;
    batch_cancel(job->batched);
    job->batched = NULL;
    unlink_job(jobs, job);
    job_set_state(job, JOB_CLOSED);
    job->next = jobs->free;
    jobs->free = job;
}
