#include "worker/share.h"

#include "base/metrics.h"
#include "worker/worker.h"

#define LOOK_S 0.1
#define RUSH_STEPS 16 /* in a rush more orders come in than one for so many of our steps */

static void on_placed(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct share *s = &w->share;
    int64_t placed, n_steps = metric_values[M_STEPS];
    s->cmd = NULL;
    if (result->outcome != RDS_OK || rds_int(result->reply, &placed))
        return;
    int is_rush = s->placed && (placed - s->placed) * RUSH_STEPS > n_steps - s->n_steps;
    outbox_bound(w, is_rush ? SHARE_CALLS_RUSH : SHARE_CALLS_CALM);
    s->placed = placed;
    s->n_steps = n_steps;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    if (w->jobs.n > 0 && !w->share.cmd && rds_is_up(w->rds))
        w->share.cmd = store_placed(w->rds, on_placed, w);
}

void share_start(struct worker *w)
{
    outbox_bound(w, SHARE_CALLS_CALM);
    ev_timer_init(&w->share.timer, on_look, LOOK_S, LOOK_S);
    w->share.timer.data = w;
    ev_timer_start(w->loop, &w->share.timer);
}

void share_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->share.timer);
    rds_cancel(w->share.cmd);
    w->share.cmd = NULL;
}
