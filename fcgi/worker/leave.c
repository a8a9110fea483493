/*   at work --SIGTERM--> drain --empty, or TIFFIN_DRAIN_MS--> give --nothing left, or 1 s--> done
 *                          +------------- again ----------------^----------- again ------------^
 *
 * What is given back is what stands in our list in Redis, whether we know of it or not, in calls of
 * up to 100; the one that leaves nothing unregisters us. Should Redis be away, or we be killed in
 * the middle: the rest is reaped, like any dead worker's. */
#include "worker/leave.h"

#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "worker/worker.h"

#define GIVE_S 1.0

static void set_bound(struct worker *w, double after_s)
{
    ev_timer_stop(w->loop, &w->leave.bound);
    ev_timer_set(&w->leave.bound, after_s, 0.);
    ev_timer_start(w->loop, &w->leave.bound);
}

static void finish(struct worker *w)
{
    w->leave.phase = LEAVE_DONE;
    ev_break(w->loop, EVBREAK_ALL);
}

static void on_left(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    int64_t given, held;
    w->leave.cmd = NULL;
    if (result->outcome != RDS_OK || strcmp(store_word(result->reply), "left") != 0 ||
        rds_int(rds_at(result->reply, 1), &given) || rds_int(rds_at(result->reply, 2), &held))
        return; /* leave_turn() tries again, until the time is over */
    w->leave.given += given;
    if (held == 0) {
        log_info("stopped; %lld jobs given back", (long long)w->leave.given);
        finish(w);
    }
}

static void on_listed(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    const char *ids[STORE_BATCH_MAX];
    w->leave.cmd = NULL;
    if (result->outcome != RDS_OK)
        return;
    size_t n = worker_batch(result->reply, ids);
    w->leave.cmd = store_leave(w->rds, w->id, &(struct id_list){ids, n}, on_left, w);
}

/* Everything of ours that is still on its way was sent before what follows, so it comes first. */
static void start_giving(struct worker *w)
{
    w->leave.phase = LEAVE_GIVE;
    intake_end(w);
    jobs_close_all(&w->jobs);
    set_bound(w, GIVE_S);
}

static void on_bound(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    switch (w->leave.phase) {
    case LEAVE_DRAIN:
        start_giving(w);
        break;
    case LEAVE_GIVE:
        log_warn("stopped without having given everything back (%s); other workers will take it",
                 rds_is_up(w->rds) ? "no time left" : rds_reason(w->rds));
        finish(w);
        break;
    case LEAVE_NOT:
    case LEAVE_DONE:
        break;
    }
}

void leave_asked(struct worker *w)
{
    switch (w->leave.phase) {
    case LEAVE_NOT:
        log_info("stopping: %zu jobs in hand, up to %d ms to finish them", w->jobs.n,
                 conf.drain_ms);
        w->leave.phase = LEAVE_DRAIN;
        intake_stop(w);
        reaper_stop(w);
        ev_init(&w->leave.bound, on_bound);
        w->leave.bound.data = w;
        set_bound(w, conf.drain_ms / 1000.0);
        break;
    case LEAVE_DRAIN:
        start_giving(w);
        break;
    case LEAVE_GIVE:
        finish(w);
        break;
    case LEAVE_DONE:
        break;
    }
}

void leave_turn(struct worker *w)
{
    if (w->leave.phase == LEAVE_DRAIN && w->jobs.n == 0 && !w->intake.take)
        start_giving(w);
    if (w->leave.phase == LEAVE_GIVE && !w->leave.cmd && rds_is_up(w->rds))
        w->leave.cmd = store_active(w->rds, w->id, STORE_BATCH_MAX, on_listed, w);
}

void leave_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->leave.bound);
    rds_cancel(w->leave.cmd);
    w->leave.cmd = NULL;
}
