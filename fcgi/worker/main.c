/* tiffin-worker: pays, tells the kitchen, and brings orders from stage to stage. Any number of them
 * may run, on any machine that reaches Redis; each may be killed at any moment.
 *
 * Here: one loop, the connections, the signals, start and stop. Then read intake.c (how a job comes
 * in) and runner.c (what becomes of it). */
#include <ev.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/host.h"
#include "base/log.h"
#include "base/where.h"
#include "order/process_metrics.h"
#include "worker/healthcheck.h"
#include "worker/steps.h"
#include "worker/worker.h"

#define CHECK_S 1.0

static struct worker worker;

/* ---- what Redis does, said once a change ---------------------------------------------------- */

static int is_redis_missed; /* its absence was logged */
static int is_ledger_missed;

static void on_redis(void *arg, int is_up)
{
    struct worker *w = arg;
    if (is_up)
        log_info("Redis is up");
    else
        log_warn("Redis is away, waiting for it: %s", rds_reason(w->rds));
    is_redis_missed = !is_up;
    intake_on_redis(w, is_up);
}

/* Redis never came up at all; or the ledger, which has a user of its own, does not. */
static void on_check(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    struct rds *ledger = payment_gateway_ledger(w->gateway);
    if (!rds_is_up(w->rds) && !is_redis_missed) {
        log_warn("Redis is away, waiting for it: %s", rds_reason(w->rds));
        is_redis_missed = 1;
    }
    if (rds_is_up(w->rds) && rds_is_up(ledger) == is_ledger_missed) {
        is_ledger_missed = !is_ledger_missed;
        if (is_ledger_missed)
            log_warn("the payment gateway is away, payments will wait: %s", rds_reason(ledger));
        else
            log_info("the payment gateway is up");
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = prepare->data;
    outbox_turn(w);
    intake_turn(w);
    shutdown_turn(w);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int revents)
{
    (void)loop, (void)revents;
    shutdown_request(signal->data);
}

static void open_worker(struct worker *w, struct ev_loop *loop)
{
    struct rds_options options = {.finder = where(loop, conf.redis),
                                  .user = "worker",
                                  .client_name = "tiffin-worker",
                                  .timeout_ms = conf.redis_timeout_ms,
                                  .on_state = on_redis,
                                  .arg = w};
    char host[WORKER_HOST_SIZE];
    host_name(host, sizeof host);
    worker_id_new(w->id, host, (long)getpid());
    w->loop = loop;
    w->runner = (struct runner){.steps = job_steps, .on_delayed = intake_due_in};
    jobs_init(&w->jobs, w, (size_t)conf.worker_concurrency);
    w->rds = rds_new(loop, &options);
    options.client_name = "tiffin-worker-durable";
    options.on_state = NULL;
    options.acks = conf.redis_acks;
    w->durable = conf.redis_acks ? rds_new(loop, &options) : w->rds;
    outbox_init(w);
    w->gateway = payment_gateway_new(loop, &w->intake.lease_until_ms);
    intake_start(w);
    reaper_start(w);
    retention_start(w);
    share_start(w);
    process_metrics_start(loop, w->rds, "worker");
}

static void close_worker(struct worker *w)
{
    shutdown_stop(w);
    share_stop(w);
    retention_stop(w);
    reaper_stop(w);
    intake_end(w);
    jobs_release(&w->jobs);
    payment_gateway_free(w->gateway);
    if (w->durable != w->rds)
        rds_free(w->durable);
    rds_free(w->rds);
    outbox_release(w);
}

static void log_start(const struct worker *w)
{
    log_info("worker %s: up to %d jobs; waits: payment %d ms, kitchen %d ms, stages %d to %d ms; "
             "dead after %d ms without heartbeat; Redis at %s",
             w->id, conf.worker_concurrency, conf.payment_ms, conf.kitchen_ms, conf.stage_min_ms,
             conf.stage_max_ms, conf.worker_ttl_ms, conf.redis);
}

int main(int argc, char **argv)
{
    ev_prepare turn;
    ev_timer check;
    ev_signal on_term, on_int;

    conf_main(argc, argv, "tiffin-worker",
              "Runs Tiffin's background jobs: payment, kitchen, stages, broadcasts.",
              healthcheck_worker);
    signal(SIGPIPE, SIG_IGN);
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    if (!loop) {
        log_error("no event loop can be made on this system");
        return 1;
    }
    struct worker *w = &worker;
    open_worker(w, loop);
    log_start(w);

    ev_prepare_init(&turn, on_turn);
    ev_timer_init(&check, on_check, CHECK_S, CHECK_S);
    ev_signal_init(&on_term, on_signal, SIGTERM);
    ev_signal_init(&on_int, on_signal, SIGINT);
    turn.data = check.data = on_term.data = on_int.data = w;
    ev_prepare_start(loop, &turn);
    ev_timer_start(loop, &check);
    ev_signal_start(loop, &on_term);
    ev_signal_start(loop, &on_int);

    ev_run(loop, 0);

    close_worker(w);
    ev_loop_destroy(loop);
    return 0;
}
