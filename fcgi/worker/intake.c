/* Redis came up:
 *
 *   beat ---> registered --+
 *   compare -> compared ---+--> take, take, … until one comes back with less than was asked for
 *                                 |
 *        the queue is empty: wait to be woken (BLMOVE of the ready list's end onto itself, which
 *        claims nothing); look anyhow when the next delayed job is due, and once a second
 *
 * Why a comparison needs no lock: all these commands go through one connection, so their answers
 * come in the order of their execution. When the list arrives here, every claim that was executed
 * before it has been heard, and no claim executed after it is in it. So an id in the list that is
 * not in memory is one whose answer was lost, and it is ours to begin. */
#include "worker/intake.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "worker/runner.h"
#include "worker/worker.h"

#define TAKE_MAX 200 /* jobs in one call: Redis serves others in between */
#define POLL_S 0.25  /* for delayed jobs of other workers, and whatever else was missed */
#define COMPARE_S 5.0
#define WAIT_S 2          /* one BLMOVE: Redis' bound, so that a lost connection is noticed */
#define REST_FIRST_S 0.01 /* doubled by each wake-up in vain */
#define REST_MAX_S 1.0

static void start_timer(struct worker *w, ev_timer *timer, double after_s)
{
    ev_timer_stop(w->loop, timer);
    ev_timer_set(timer, after_s, 0.);
    ev_timer_start(w->loop, timer);
}

/* Something is wrong in Redis (its functions are not loaded, a right is missing): said once, until
 * jobs are handed out again. */
static void complain(struct worker *w, const struct rds_result *result)
{
    if (result->outcome != RDS_ERROR || w->intake.is_refused)
        return;
    log_warn("Redis gives no jobs, trying on: %s", result->text);
    w->intake.is_refused = 1;
}

/* ---- heartbeat ----------------------------------------------------------------------------- */

/* In the place of the next heartbeat, so that none comes in between. Until it is answered no job is
 * handed out: our takes are late by the clock that was set. */
static void on_clock_told(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    int64_t redis_ms;
    in->beat = NULL;
    if (result->outcome == RDS_OK && !rds_int(rds_at(result->reply, 1), &redis_ms))
        redis_clock_accept(&in->redis_clock, redis_ms, clock_mono_ms());
    else
        complain(w, result); /* the next heartbeat finds it again */
}

/* A heartbeat was answered: what time it is by Redis' clock. */
static void compare_clocks(struct worker *w, int64_t redis_ms)
{
    struct intake *in = &w->intake;
    int64_t set_ms = redis_clock_told(&in->redis_clock, redis_ms, clock_mono_ms());
    if (set_ms == 0)
        return;
    log_warn("Redis' clock was set forward by %lld ms: what waits goes on waiting as long as it "
             "would have",
             (long long)set_ms);
    pulse_break(&in->pulse);
    in->beat = store_clock_set(w->rds, in->redis_clock.redis_ms, set_ms, on_clock_told, w);
}

static void on_beaten(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    in->beat = NULL;
    if (result->outcome == RDS_OK) {
        int64_t all_steady_ms = 0, redis_ms = 0; /* not told by libraries of earlier versions */
        (void)rds_int(rds_at(result->reply, 1), &all_steady_ms);
        (void)rds_int(rds_at(result->reply, 2), &redis_ms);
        in->is_registered = 1;
        pulse_beat(&in->pulse, clock_mono_ms(), all_steady_ms);
        if (redis_ms > 0) {
            in->lease_until_ms = redis_ms + conf.worker_ttl_ms;
            compare_clocks(w, redis_ms);
        }
    } else {
        pulse_break(&in->pulse);
        complain(w, result);
    }
}

static void send_beat(struct worker *w)
{
    struct intake *in = &w->intake;
    if (in->beat || !rds_is_up(w->rds))
        return;
    redis_clock_ask(&in->redis_clock, clock_mono_ms());
    in->beat = store_beat(w->rds, w->id, conf.worker_ttl_ms, on_beaten, w);
}

static void on_beat_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    send_beat(timer->data);
}

/* ---- comparison ---------------------------------------------------------------------------- */

static void on_compared(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct intake *in = &w->intake;
    in->comparison = NULL;
    if (result->outcome != RDS_OK || in->is_stopped)
        return; /* shutdown gives back what stands in the list, known or not */
    in->is_compared = 1;
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

static void compare(struct worker *w)
{
    struct intake *in = &w->intake;
    if (!in->comparison && !in->is_stopped && rds_is_up(w->rds))
        in->comparison = store_active(w->rds, w->id, -1, on_compared, w);
}

static void on_compare_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    compare(timer->data);
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

/* After a wake-up that brought nothing (another worker was faster, or the queue is paused) the next
 * one would come at once: rest a little, then longer. */
static void rest_waker(struct worker *w, int was_in_vain)
{
    struct intake *in = &w->intake;
    if (!was_in_vain) {
        in->rest_s = 0;
        return;
    }
    in->rest_s = in->rest_s > 0 ? in->rest_s * 2 : REST_FIRST_S;
    if (in->rest_s > REST_MAX_S)
        in->rest_s = REST_MAX_S;
    start_timer(w, &in->rest_timer, in->rest_s);
}

static void take_refused(struct worker *w, const struct rds_result *result)
{
    struct intake *in = &w->intake;
    in->may_have_more = 0; /* until the next poll, or until Redis is back */
    rest_waker(w, 1);
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
        in->is_registered = 0; /* we were taken for dead; who we were before does not matter */
        send_beat(w);
        return;
    }
    if (strcmp(store_word(result->reply), "late") == 0) {
        in->may_have_more = 0; /* until the next poll */
        rest_waker(w, 1);
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
        rest_waker(w, n <= 0);
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
        rest_waker(w, 1);
    } else if (rds_str(result->reply)) {
        in->was_woken = 1;
        look_again(w);
    } else {
        rest_waker(w, 0); /* the time is over: the list was empty all along */
    }
}

void intake_turn(struct worker *w)
{
    struct intake *in = &w->intake;
    int n = room(w);
    if (in->is_stopped || n == 0 || !in->is_registered || !in->is_compared || in->take)
        return;
    if (in->may_have_more) {
        in->n_asked = n;
        const struct take_request take = {w->id, n,
                                          redis_clock_now(&in->redis_clock, clock_mono_ms())};
        in->take = store_take(w->rds, &take, on_taken, w);
    } else if (!in->wait && !ev_is_active(&in->rest_timer) && rds_is_up(in->waker)) {
        in->wait = store_wait_ready(in->waker, WAIT_S, on_woken, w);
    }
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)timer, (void)revents; /* intake_turn() follows */
}

/* ---- start and stop ------------------------------------------------------------------------ */

void intake_on_redis(struct worker *w, int is_up)
{
    struct intake *in = &w->intake;
    in->is_registered = in->is_compared = 0;
    if (!is_up) {
        pulse_break(&in->pulse);
        return;
    }
    send_beat(w);
    compare(w);
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
    struct rds_options options = {.address = conf.redis,
                                  .user = "worker",
                                  .client_name = "tiffin-worker-waker",
                                  .timeout_ms = WAIT_S * 1000 + conf.redis_timeout_ms,
                                  .blocking = 1};
    *in = (struct intake){.pulse = PULSE_INIT(conf.worker_ttl_ms)};
    init_timer(w, &in->beat_timer, on_beat_due, conf.worker_ttl_ms / 3000.0);
    init_timer(w, &in->poll_timer, on_poll, POLL_S);
    init_timer(w, &in->compare_timer, on_compare_due, COMPARE_S);
    init_timer(w, &in->due_timer, on_due, 0);
    init_timer(w, &in->rest_timer, on_rested, 0);
    in->waker = rds_new(w->loop, &options);
}

void intake_stop(struct worker *w)
{
    struct intake *in = &w->intake;
    if (in->is_stopped)
        return;
    in->is_stopped = 1;
    ev_timer_stop(w->loop, &in->poll_timer);
    ev_timer_stop(w->loop, &in->compare_timer);
    ev_timer_stop(w->loop, &in->due_timer);
    ev_timer_stop(w->loop, &in->rest_timer);
    rds_free(in->waker);
    in->waker = NULL;
    in->wait = NULL;
}

void intake_end(struct worker *w)
{
    intake_stop(w);
    ev_timer_stop(w->loop, &w->intake.beat_timer);
}
