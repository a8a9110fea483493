/* A settled order expires by itself (EXPIRE); its entry in the index cannot. A round looks at what
 * was placed longer ago than orders are kept, batch by batch, and drops what is gone. All workers
 * do it: trim is idempotent. */
#include "worker/trimmer.h"

#include "base/conf.h"
#include "worker/worker.h"

#define ROUND_S 60.0

static void ask(struct worker *w);

static void on_trimmed(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct trimmer *t = &w->trimmer;
    int64_t n_dropped;
    t->cmd = NULL;
    if (result->outcome != RDS_OK || rds_int(rds_at(result->reply, 1), &n_dropped))
        return;
    t->n_kept += t->n_batch - (size_t)n_dropped;
    if (t->n_batch == STORE_BATCH_MAX)
        ask(w);
}

static void on_old(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct trimmer *t = &w->trimmer;
    const char *ids[STORE_BATCH_MAX];
    t->cmd = NULL;
    if (result->outcome != RDS_OK)
        return;
    t->n_batch = worker_batch(result->reply, ids);
    if (t->n_batch)
        t->cmd = store_trim(w->rds, ids, t->n_batch, on_trimmed, w);
}

static void ask(struct worker *w)
{
    struct trimmer *t = &w->trimmer;
    int64_t before_ms = rds_now_ms(w->rds) - (int64_t)conf.retention_days * 86400000;
    t->cmd = store_index_before(w->rds, before_ms, t->n_kept, on_old, w);
}

static void on_round(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    if (w->trimmer.cmd || !rds_is_up(w->rds))
        return;
    w->trimmer.n_kept = 0;
    ask(w);
}

void trimmer_start(struct worker *w)
{
    ev_timer_init(&w->trimmer.timer, on_round, ROUND_S, ROUND_S);
    w->trimmer.timer.data = w;
    ev_timer_start(w->loop, &w->trimmer.timer);
}

void trimmer_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->trimmer.timer);
    rds_cancel(w->trimmer.cmd);
    w->trimmer.cmd = NULL;
}
