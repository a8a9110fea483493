#include "api/figures.h"

#include <errno.h>
#include <stdlib.h>

#include "api/request.h"
#include "base/clock.h"
#include "base/mem.h"
#include "order/store.h"

#define ROUNDS_MAX 3

/* Answers come in any number and order; the last one finishes. */
struct gathering {
    struct figures figures;
    void (*fn)(struct req *r, const struct figures *f);
    int pending;
    int rounds; /* store_stats found other workers than store_workers had told */
    int has_failed;
};

/* Every callback begins with this: false = the answer is useless. */
static int arrived(struct gathering *g, const struct rds_result *result)
{
    g->pending--;
    if (result->outcome != RDS_OK)
        g->has_failed = 1;
    return result->outcome == RDS_OK;
}

/* And ends with this. fn ends the request, so nothing may follow. */
static void finish_if_last(struct req *r)
{
    struct gathering *g = r->context;
    if (g->pending == 0)
        g->fn(r, g->has_failed ? NULL : &g->figures);
}

static struct op *ask(struct req *r, req_reply_fn fn)
{
    struct gathering *g = r->context;
    g->pending++;
    return req_op(r, fn);
}

static int64_t number(const struct redisReply *reply)
{
    int64_t n = 0;
    (void)rds_int(reply, &n);
    return n;
}

static void on_counts(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    struct figures *f = &g->figures;
    if (arrived(g, result)) {
        const struct {
            const char *name;
            int64_t *to;
        } FIELDS[] = {
            {"delivered", &f->delivered},
            {"cancelled", &f->cancelled},
            {"payment_failed", &f->payment_failed},
            {"chat_messages", &f->chat_messages},
        };
        for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
            const char *text = rds_field(result->reply, FIELDS[i].name);
            *FIELDS[i].to = text ? atoll(text) : 0;
        }
    }
    finish_if_last(r);
}

/* The oldest ready job's age comes from two reads; a job that is gone by the second waits no more. */
static void on_oldest_created(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result)) {
        int64_t created_ms = clock_parse_rfc3339(rds_str(result->reply));
        if (created_ms > 0)
            g->figures.oldest_ready_ms = rds_now_ms(api.rds) - created_ms;
    }
    finish_if_last(r);
}

static void on_oldest(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    const char *id = NULL;
    if (arrived(g, result))
        id = rds_str(rds_at(result->reply, 0));
    if (id) {
        struct op *op = ask(r, on_oldest_created);
        op->cmd = store_job_created_at(api.rds, id, req_on_reply, op);
    }
    finish_if_last(r);
}

static void on_worker_alive(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.workers += number(result->reply);
    finish_if_last(r);
}

static void on_workers(struct req *r, const struct rds_result *result);

static void on_stats(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result)) {
        int err = store_stats_parse(result->reply, &g->figures.stats);
        if (err == -EAGAIN && g->rounds++ < ROUNDS_MAX) {
            struct op *op = ask(r, on_workers);
            op->cmd = store_workers(api.rds, req_on_reply, op);
        } else if (err) {
            g->has_failed = 1;
        }
    }
    finish_if_last(r);
}

static void on_workers(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    const char *workers[STORE_WORKERS_MAX];
    size_t n = 0;
    if (arrived(g, result)) {
        g->figures.workers = 0;
        for (size_t i = 0; i < rds_len(result->reply) && n < STORE_WORKERS_MAX; i++) {
            workers[n] = rds_str(rds_at(result->reply, i));
            if (!workers[n])
                continue;
            struct op *alive = ask(r, on_worker_alive);
            alive->cmd = store_worker_alive(api.rds, workers[n++], req_on_reply, alive);
        }
        struct op *op = ask(r, on_stats);
        op->cmd = store_stats(api.rds, workers, n, req_on_reply, op);
    }
    finish_if_last(r);
}

static void on_live(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        live_add(&g->figures.live, result->reply);
    finish_if_last(r);
}

static void on_processes(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result)) {
        g->figures.processes = (int64_t)rds_len(result->reply);
        for (size_t i = 0; i < rds_len(result->reply); i++) {
            const char *process = rds_str(rds_at(result->reply, i));
            struct op *op = ask(r, on_live);
            op->cmd = store_live(api.rds, process ? process : "", req_on_reply, op);
        }
    }
    finish_if_last(r);
}

void figures_gather(struct req *r, void (*fn)(struct req *r, const struct figures *f))
{
    static const struct {
        struct rds_cmd *(*send)(struct rds *rds, rds_reply_fn fn, void *arg);
        req_reply_fn on_reply;
    } QUESTIONS[] = {
        {store_counts, on_counts},
        {store_oldest_ready, on_oldest},
        {store_workers, on_workers},
        {store_live_processes, on_processes},
    };
    struct gathering *g = mem_calloc(1, sizeof *g);
    g->fn = fn;
    r->context = g;
    for (size_t i = 0; i < sizeof QUESTIONS / sizeof QUESTIONS[0]; i++) {
        struct op *op = ask(r, QUESTIONS[i].on_reply);
        op->cmd = QUESTIONS[i].send(api.rds, req_on_reply, op);
    }
}
