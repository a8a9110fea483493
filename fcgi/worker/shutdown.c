/*   at work --SIGTERM--> drain --empty, or TIFFIN_DRAIN_MS--> give --nothing left, or 1 s--> done
 *                          +------------- again ----------------^----------- again ------------^
 *
 * What is given back is what stands in our list in Redis, whether we know of it or not, in calls of
 * up to 100 (STORE_BATCH_MAX); the one that leaves none unregisters us. If Redis is away, or we are
 * killed in the middle, the rest is reaped as any dead worker's. */
#include "worker/shutdown.h"

#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "worker/worker.h"

#define GIVE_BACK_S 1.0

static void set_bound(struct worker *w, double after_s)
{
    ev_timer_stop(w->loop, &w->shutdown.bound);
    ev_timer_set(&w->shutdown.bound, after_s, 0.);
    ev_timer_start(w->loop, &w->shutdown.bound);
}

static void finish(struct worker *w)
{
    w->shutdown.phase = SHUTDOWN_DONE;
    ev_break(w->loop, EVBREAK_ALL);
}

static void on_left(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    int64_t given, held;
    w->shutdown.cmd = NULL;
    if (result->outcome != RDS_OK || strcmp(store_word(result->reply), "left") != 0 ||
        rds_int(rds_at(result->reply, 1), &given) || rds_int(rds_at(result->reply, 2), &held))
        return; /* shutdown_turn() tries again, until the time is over */
    w->shutdown.given += given;
    if (held == 0) {
        log_info("stopped; %lld jobs given back", (long long)w->shutdown.given);
        finish(w);
    }
}

static void on_listed(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    const char *ids[STORE_BATCH_MAX];
    w->shutdown.cmd = NULL;
    if (result->outcome != RDS_OK)
        return;
    size_t n = worker_batch(result->reply, ids);
    w->shutdown.cmd = store_leave(w->rds, w->id, &(struct id_list){ids, n}, on_left, w);
}

/* Everything of ours that is still on its way was sent before what follows, so it comes first. */
static void start_giving_back(struct worker *w)
{
    w->shutdown.phase = SHUTDOWN_GIVE_BACK;
    intake_end(w);
    jobs_close_all(&w->jobs);
    set_bound(w, GIVE_BACK_S);
}

static void on_bound(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    switch (w->shutdown.phase) {
    case SHUTDOWN_DRAIN:
        start_giving_back(w);
        break;
    case SHUTDOWN_GIVE_BACK:
        log_warn("stopped without having given everything back (%s); other workers will take it",
                 rds_is_up(w->rds) ? "no time left" : rds_reason(w->rds));
        finish(w);
        break;
    case SHUTDOWN_NONE:
    case SHUTDOWN_DONE:
        break;
    }
}

void shutdown_request(struct worker *w)
{
    switch (w->shutdown.phase) {
    case SHUTDOWN_NONE:
        log_info("stopping: %zu jobs in hand, up to %d ms to finish them", w->jobs.n,
                 conf.drain_ms);
        w->shutdown.phase = SHUTDOWN_DRAIN;
        intake_stop(w);
        reaper_stop(w);
        ev_init(&w->shutdown.bound, on_bound);
        w->shutdown.bound.data = w;
        set_bound(w, conf.drain_ms / 1000.0);
        break;
    case SHUTDOWN_DRAIN:
        start_giving_back(w);
        break;
    case SHUTDOWN_GIVE_BACK:
        finish(w);
        break;
    case SHUTDOWN_DONE:
        break;
    }
}

void shutdown_turn(struct worker *w)
{
    if (w->shutdown.phase == SHUTDOWN_DRAIN && w->jobs.n == 0 && !w->intake.take)
        start_giving_back(w);
    if (w->shutdown.phase == SHUTDOWN_GIVE_BACK && !w->shutdown.cmd && rds_is_up(w->rds))
        w->shutdown.cmd = store_active(w->rds, w->id, STORE_BATCH_MAX, on_listed, w);
}

void shutdown_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->shutdown.bound);
    rds_cancel(w->shutdown.cmd);
    w->shutdown.cmd = NULL;
}
