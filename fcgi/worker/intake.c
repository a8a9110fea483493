/* Redis came up:
 *
 *   beat ---> registered --+
 *   list ---> reconciled --+--> take, take, … until one comes back with less than was asked for
 *                                 |
 *        the queue is empty: wait to be woken (BLMOVE of the ready list's end onto itself, which
 *        claims nothing); take anyhow when the next delayed job is due, and at every POLL_S
 *
 * Reconciliation compares our active list in Redis with the jobs in memory and adopts orphaned
 * jobs: those in the list that no answer told us of. It needs no lock: all these commands go
 * through one connection, so their answers come in the order of their execution. When the list
 * arrives here, the answer to every claim that was executed before it has been read, and no claim
 * executed after it is in it. So an id in the list that is not in memory is one whose answer was
 * lost, and it is ours to begin. */
#include "worker/intake.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/where.h"
#include "worker/runner.h"
#include "worker/worker.h"

#define TAKE_MAX 200 /* jobs in one call: Redis serves others in between */
#define POLL_S 0.25  /* for delayed jobs of other workers, and wake-ups that were missed */
#define RECONCILE_S 5.0
#define WAIT_S 2             /* one BLMOVE: Redis' bound, so that a lost connection is noticed */
#define BACKOFF_FIRST_S 0.01 /* doubled by each wake-up that brings no job */
#define BACKOFF_MAX_S 1.0

static void start_timer(struct worker *w, ev_timer *timer, double after_s)
{
    ev_timer_stop(w->loop, timer);
    ev_timer_set(timer, after_s, 0.);
    ev_timer_start(w->loop, timer);
}

/* Redis answers with an error (its functions are not loaded, a right is missing): logged once,
 * until jobs are handed out again. */
static void complain(struct worker *w, const struct rds_result *result)
{
    if (result->outcome != RDS_ERROR || w->intake.is_refused)
        return;
    log_warn("Redis gives no jobs, trying on: %s", result->text);
    w->intake.is_refused = 1;
}

/* ---- reconciliation ------------------------------------------------------------------------ */

static void on_active(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    in->reconciliation = NULL;
    if (result->outcome != RDS_OK || in->is_stopped)
        return; /* shutdown gives back what stands in the list, known or not */
    in->is_reconciled = 1;
    w->n_unsure = 0;
    size_t n_adopted = 0;
    for (size_t i = 0; i < rds_len(result->reply); i++) {
        const char *id = rds_str(rds_at(result->reply, i));
        if (!id || jobs_find(&w->jobs, id))
            continue;
        runner_claimed(w, id);
        n_adopted++;
    }
    metric_add(M_ADOPTED, (int64_t)n_adopted);
    if (n_adopted)
        log_debug("adopted %zu jobs", n_adopted);
}

static void reconcile(struct worker *w)
{
    struct intake *in = &w->intake;
    if (!in->reconciliation && !in->is_stopped && rds_is_up(w->rds))
        in->reconciliation = store_active(w->rds, w->id, -1, on_active, w);
}

static void on_reconcile_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    reconcile(timer->data);
}

/* ---- heartbeat ----------------------------------------------------------------------------- */

/* The answer to store_clock_set(), which is sent in the place of the next heartbeat, so that none
 * comes in between. Until it is answered no job is handed out: our takes are late by the clock that
 * was stepped. */
static void on_clock_told(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    int64_t redis_ms;
    in->heartbeat = NULL;
    if (result->outcome == RDS_OK && !rds_int(rds_at(result->reply, 1), &redis_ms))
        redis_clock_accept(&in->redis_clock, redis_ms, clock_mono_ms());
    else
        complain(w, result); /* the next heartbeat finds it again */
}

/* A heartbeat was answered with Redis' time. After a step forward all that waits by that clock
 * (delayed jobs, leases) would be due too early: Redis is told how far to put it off. */
static void check_clock(struct worker *w, int64_t redis_ms)
{
    struct intake *in = &w->intake;
    int64_t step_ms = redis_clock_told(&in->redis_clock, redis_ms, clock_mono_ms());
    if (step_ms == 0)
        return;
    log_warn("Redis' clock was set forward by %lld ms: what waits goes on waiting as long as it "
             "would have",
             (long long)step_ms);
    pulse_break(&in->pulse);
    in->heartbeat = store_clock_set(w->rds, in->redis_clock.redis_ms, step_ms, on_clock_told, w);
}

/* A job is charged for under the lease that holds at that moment, so none may be carried over from
 * one lease to the next across a gap in which others could have taken it. */
static void renew_lease(struct worker *w, int64_t redis_ms)
{
    struct intake *in = &w->intake;
    int has_lapsed = in->lease_until_ms && redis_ms > in->lease_until_ms;
    in->lease_until_ms = redis_ms + conf.worker_ttl_ms;
    check_clock(w, redis_ms);
    if (has_lapsed) {
        in->lease++;
        runner_lease_lapsed(w);
        reconcile(w);
    }
}

static void on_beaten(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    in->heartbeat = NULL;
    if (result->outcome == RDS_OK) {
        int64_t all_steady_ms = 0, redis_ms = 0; /* absent in libraries of earlier versions */
        (void)rds_int(rds_at(result->reply, 1), &all_steady_ms);
        (void)rds_int(rds_at(result->reply, 2), &redis_ms);
        in->is_registered = 1;
        pulse_beat(&in->pulse, clock_mono_ms(), all_steady_ms);
        if (redis_ms > 0)
            renew_lease(w, redis_ms);
    } else {
        pulse_break(&in->pulse);
        complain(w, result);
    }
}

static void send_beat(struct worker *w)
{
    struct intake *in = &w->intake;
    if (in->heartbeat || !rds_is_up(w->rds))
        return;
    redis_clock_ask(&in->redis_clock, clock_mono_ms());
    in->heartbeat = store_beat(w->rds, w->id, conf.worker_ttl_ms, on_beaten, w);
}

static void on_beat_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    send_beat(timer->data);
}

/* ---- take ---------------------------------------------------------------------------------- */

static void look_again(struct worker *w)
{
    w->intake.may_have_more = 1; /* intake_turn() sees it */
}

static void on_poll(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    look_again(timer->data);
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    look_again(timer->data);
}

void intake_due_in(struct worker *w, int64_t ms)
{
    struct intake *in = &w->intake;
    double after_s = (double)(ms + 1) / 1000; /* Redis' milliseconds are cut off, not rounded */
    if (in->is_stopped || after_s >= POLL_S)
        return;
    if (!ev_is_active(&in->due_timer) || ev_timer_remaining(w->loop, &in->due_timer) > after_s)
        start_timer(w, &in->due_timer, after_s);
}

/* After a wake-up that brought no job (another worker was faster, or the queue is paused) the next
 * one would come at once: back off exponentially, until one brings a job. */
static void back_off_waker(struct worker *w, int found_nothing)
{
    struct intake *in = &w->intake;
    if (!found_nothing) {
        in->backoff_s = 0;
        return;
    }
    in->backoff_s = in->backoff_s > 0 ? in->backoff_s * 2 : BACKOFF_FIRST_S;
    if (in->backoff_s > BACKOFF_MAX_S)
        in->backoff_s = BACKOFF_MAX_S;
    start_timer(w, &in->backoff_timer, in->backoff_s);
}

static void take_refused(struct worker *w, const struct rds_result *result)
{
    struct intake *in = &w->intake;
    in->may_have_more = 0; /* until the next poll, or until Redis is back */
    back_off_waker(w, 1);
    in->was_woken = 0;
    complain(w, result);
}

static void on_taken(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    int64_t due_ms;
    in->take = NULL;
    if (result->outcome != RDS_OK) {
        take_refused(w, result);
        return;
    }
    if (strcmp(store_word(result->reply), "unregistered") == 0) {
        in->is_registered = 0; /* our lease ran out and we were reaped */
        send_beat(w);          /* registers anew */
        return;
    }
    if (strcmp(store_word(result->reply), "late") == 0) {
        in->may_have_more = 0; /* until the next poll */
        back_off_waker(w, 1);
        send_beat(w); /* its answer tells whether Redis' clock was set */
        return;
    }
    in->is_refused = 0;
    if (in->is_stopped)
        return; /* they stay in our list, shutdown gives them back */
    int n = (int)rds_len(result->reply) - 1;
    for (int i = 1; i <= n; i++) {
        const char *id = rds_str(rds_at(result->reply, (size_t)i));
        if (id)
            runner_claimed(w, id);
    }
    in->may_have_more = n >= in->n_asked;
    if (n > 0 || in->was_woken)
        back_off_waker(w, n <= 0);
    in->was_woken = 0;
    /* Due now, but not handed out: the queue is paused. The poll will see when it is not. */
    if (!rds_int(rds_at(result->reply, 0), &due_ms) && due_ms > 0)
        intake_due_in(w, due_ms);
}

static int room(const struct worker *w)
{
    size_t taken = w->jobs.n + w->n_unsure, limit = (size_t)conf.worker_concurrency;
    if (taken >= limit)
        return 0;
    return limit - taken < TAKE_MAX ? (int)(limit - taken) : TAKE_MAX;
}

/* ---- being woken --------------------------------------------------------------------------- */

static void on_woken(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    in->wait = NULL;
    if (result->outcome != RDS_OK) {
        back_off_waker(w, 1);
    } else if (rds_str(result->reply)) {
        in->was_woken = 1;
        look_again(w);
    } else {
        back_off_waker(w, 0); /* BLMOVE timed out: the list was empty all along */
    }
}

void intake_turn(struct worker *w)
{
    struct intake *in = &w->intake;
    int n = room(w);
    if (in->is_stopped || n == 0 || !in->is_registered || !in->is_reconciled || in->take)
        return;
    if (in->may_have_more) {
        in->n_asked = n;
        const struct claim_request claim = {w->id, n,
                                            redis_clock_now(&in->redis_clock, clock_mono_ms())};
        in->take = store_claim(w->rds, &claim, on_taken, w);
    } else if (!in->wait && !ev_is_active(&in->backoff_timer) && rds_is_up(in->waker)) {
        in->wait = store_wait_ready(in->waker, WAIT_S, on_woken, w);
    }
}

static void on_backed_off(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)timer, (void)revents; /* intake_turn() follows */
}

/* ---- start and stop ------------------------------------------------------------------------ */

void intake_on_redis(struct worker *w, int is_up)
{
    struct intake *in = &w->intake;
    in->is_registered = in->is_reconciled = 0;
    if (!is_up) {
        pulse_break(&in->pulse);
        return;
    }
    send_beat(w);
    reconcile(w);
    look_again(w);
}

static void init_timer(struct worker *w, ev_timer *timer,
                       void (*fn)(struct ev_loop *, ev_timer *, int), double every_s)
{
    ev_timer_init(timer, fn, every_s, every_s);
    timer->data = w;
    if (every_s > 0)
        ev_timer_start(w->loop, timer);
}

void intake_start(struct worker *w)
{
    struct intake *in = &w->intake;
    struct rds_options options = {.finder = where(w->loop, conf.redis),
                                  .user = "worker",
                                  .client_name = "tiffin-worker-waker",
                                  .timeout_ms = WAIT_S * 1000 + conf.redis_timeout_ms,
                                  .blocking = 1};
    *in = (struct intake){.pulse = PULSE_INIT(conf.worker_ttl_ms)};
    init_timer(w, &in->heartbeat_timer, on_beat_due, conf.worker_ttl_ms / 3000.0);
    init_timer(w, &in->poll_timer, on_poll, POLL_S);
    init_timer(w, &in->reconcile_timer, on_reconcile_due, RECONCILE_S);
    init_timer(w, &in->due_timer, on_due, 0);
    init_timer(w, &in->backoff_timer, on_backed_off, 0);
    in->waker = rds_new(w->loop, &options);
}

void intake_stop(struct worker *w)
{
    struct intake *in = &w->intake;
    if (in->is_stopped)
        return;
    in->is_stopped = 1;
    ev_timer_stop(w->loop, &in->poll_timer);
    ev_timer_stop(w->loop, &in->reconcile_timer);
    ev_timer_stop(w->loop, &in->due_timer);
    ev_timer_stop(w->loop, &in->backoff_timer);
    rds_free(in->waker);
    in->waker = NULL;
    in->wait = NULL;
}

void intake_end(struct worker *w)
{
    intake_stop(w);
    ev_timer_stop(w->loop, &w->intake.heartbeat_timer);
}
