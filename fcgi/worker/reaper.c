/* A round, one command at a time:
 *
 *   workers -> for each other one: reap of no job --alive--> next
 *                                    |left
 *                                    +--> its list (100) -> reap --left--> its list …
 *                                                             |none left: unregistered; next
 *
 * Whether it is really dead is decided by the function, in Redis. But Redis only knows that no
 * heartbeat came, which after an outage is true of every worker. So none is called dead unless our
 * own heartbeat has been steady for a full TTL (pulse.h): in that time all live ones were seen.
 * And heartbeats expire by Redis' clock: the function accepts that only when that clock shows what
 * we expect of it (redis_clock.h). */
#include "worker/reaper.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "worker/worker.h"

#define ROUND_S 1.0

static void examine(struct worker *w);
static void list_jobs(struct worker *w);

static int may_reap(const struct worker *w)
{
    return pulse_is_steady(&w->intake.pulse, clock_mono_ms());
}

static void end_round(struct reaper *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->suspects[i]);
    free(r->suspects);
    r->suspects = NULL;
    r->n = r->at = 0;
}

static void next_suspect(struct worker *w)
{
    w->reaper.at++;
    examine(w);
}

/* True when there is an answer to go on with; ends the round otherwise. */
static int answered(struct worker *w, const struct rds_result *result)
{
    w->reaper.cmd = NULL;
    if (result->outcome == RDS_OK)
        return 1;
    end_round(&w->reaper);
    return 0;
}

static void on_reaped(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct reaper *r = &w->reaper;
    int64_t moved, left;
    if (!answered(w, result))
        return;
    if (strcmp(store_word(result->reply), "reaped") != 0 ||
        rds_int(rds_at(result->reply, 1), &moved) || rds_int(rds_at(result->reply, 2), &left)) {
        next_suspect(w); /* alive after all */
        return;
    }
    metric_add(M_REAPED, moved);
    r->moved += moved;
    int is_stuck = left > 0 && left == r->left; /* its list holds an entry that is no job */
    r->left = left;
    if (left > 0 && !is_stuck) {
        list_jobs(w);
        return;
    }
    if (r->moved) /* another worker may have been faster */
        log_warn("worker %s is dead: %lld of its jobs are back in the queue", r->suspects[r->at],
                 (long long)r->moved);
    next_suspect(w);
}

static void reap(struct worker *w, const char *const ids[], size_t n)
{
    struct reaper *r = &w->reaper;
    int64_t now_ms = redis_clock_now(&w->intake.redis_clock, clock_mono_ms());
    const struct reap_request dead = {r->suspects[r->at], now_ms, {ids, n}};
    r->cmd = store_reap(w->rds, &dead, on_reaped, w);
}

static void on_listed(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    const char *ids[STORE_BATCH_MAX];
    if (!answered(w, result))
        return;
    reap(w, ids, worker_batch(result->reply, ids));
}

static void list_jobs(struct worker *w)
{
    struct reaper *r = &w->reaper;
    r->cmd = store_active(w->rds, r->suspects[r->at], STORE_BATCH_MAX, on_listed, w);
}

static void examine(struct worker *w)
{
    struct reaper *r = &w->reaper;
    if (r->at >= r->n || !may_reap(w)) {
        end_round(r);
        return;
    }
    r->moved = 0;
    r->left = -1;
    reap(w, NULL, 0);
}

static void on_workers(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct reaper *r = &w->reaper;
    if (!answered(w, result))
        return;
    size_t n = rds_len(result->reply);
    r->suspects = mem_calloc(n ? n : 1, sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        const char *id = rds_str(rds_at(result->reply, i));
        if (id && strcmp(id, w->id) != 0)
            r->suspects[r->n++] = mem_strdup(id);
    }
    examine(w);
}

static void on_round(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    if (!w->reaper.cmd && may_reap(w) && rds_is_up(w->rds))
        w->reaper.cmd = store_workers(w->rds, on_workers, w);
}

void reaper_start(struct worker *w)
{
    ev_timer_init(&w->reaper.timer, on_round, ROUND_S, ROUND_S);
    w->reaper.timer.data = w;
    ev_timer_start(w->loop, &w->reaper.timer);
}

void reaper_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->reaper.timer);
    rds_cancel(w->reaper.cmd);
    w->reaper.cmd = NULL;
    end_round(&w->reaper);
}
