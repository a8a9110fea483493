#include "api/figures.h"

#include <stdlib.h>

#include "api/request.h"
#include "base/mem.h"
#include "order/store.h"

/* Answers come in any number and order; the last one finishes. */
struct gathering {
    struct figures figures;
    void (*fn)(struct req *r, const struct figures *f);
    int pending;
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
            {"placed", &f->placed},
            {"settled", &f->settled},
            {"delivered", &f->delivered},
            {"cancelled", &f->cancelled},
            {"payment_failed", &f->payment_failed},
            {"chat_messages", &f->chat_messages},
        };
        for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
            const char *text = rds_field(result->reply, FIELDS[i].name);
            *FIELDS[i].to = text ? atoll(text) : 0;
        }
        const char *accepted = rds_field(result->reply, "updates_accepted");
        const char *published = rds_field(result->reply, "updates_published");
        f->updates_pending = (accepted ? atoll(accepted) : 0) - (published ? atoll(published) : 0);
    }
    finish_if_last(r);
}

static void on_ready(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.ready = number(result->reply);
    finish_if_last(r);
}

static void on_delayed(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.delayed = number(result->reply);
    finish_if_last(r);
}

static void on_dead(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.dead = number(result->reply);
    finish_if_last(r);
}

static void on_worker_alive(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.workers += number(result->reply);
    finish_if_last(r);
}

static void on_worker_load(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result))
        g->figures.active += number(result->reply);
    finish_if_last(r);
}

static void on_workers(struct req *r, const struct rds_result *result)
{
    struct gathering *g = r->context;
    if (arrived(g, result)) {
        for (size_t i = 0; i < rds_len(result->reply); i++) {
            const char *worker = rds_str(rds_at(result->reply, i));
            struct op *alive = ask(r, on_worker_alive);
            alive->cmd = store_worker_alive(api.rds, worker ? worker : "", req_on_reply, alive);
            struct op *load = ask(r, on_worker_load);
            load->cmd = store_worker_load(api.rds, worker ? worker : "", req_on_reply, load);
        }
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
        {store_ready_length, on_ready},
        {store_delayed_length, on_delayed},
        {store_dead_length, on_dead},
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
