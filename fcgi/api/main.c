/* tiffin-api: the FastCGI application behind nginx. A master (pool.c) and its children; each child
 * is one event loop:
 *
 *   nginx -> fastcgi.c (FastCGI) -> dispatch.c -> routes.c -> a handler -> reply.c -> nginx
 *                                                   |
 *                              order/store.c over base/rds.c -> Redis
 *
 * A handler never blocks: what it waits for, a timer or Redis, calls it back. */
#include <ev.h>
#include <signal.h>

#include "api/dispatch.h"
#include "api/fastcgi.h"
#include "api/handlers.h"
#include "api/healthcheck.h"
#include "api/live_status.h"
#include "api/memory.h"
#include "api/monitor.h"
#include "api/pool.h"
#include "api/request.h"
#include "api/sse.h"
#include "api/stats.h"
#include "api/tail.h"
#include "base/conf.h"
#include "base/drain.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/rds.h"
#include "base/where.h"
#include "order/process_metrics.h"

/* ---- Redis ---------------------------------------------------------------------------------- */

static void on_redis_state(void *arg, int is_up)
{
    (void)arg;
    if (is_up)
        log_info("Redis is up");
    else
        log_warn("Redis is away (%s); answering 503 until it is back", rds_reason(api.rds));
}

/* ---- stopping ------------------------------------------------------------------------------- */

/* What is under way is finished. */
static void stop(void)
{
    fastcgi_stop();
    sse_shutdown(conf.drain_ms * 9 / 10);
}

static size_t left(void)
{
    return (size_t)fastcgi_busy();
}

static const struct drain DRAIN = {stop, left, "requests were not finished in time"};

/* ---- a child -------------------------------------------------------------------------------- */

static int run_child(int listen_fd)
{
    static const struct tail_handlers TAIL = {
        .on_event = live_status_on_event,
        .is_watched = live_status_is_watched,
        .on_ready = live_status_resync,
    };
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct rds_options options = {
        .finder = where(loop, conf.redis),
        .user = "api",
        .client_name = "tiffin-api",
        .timeout_ms = conf.redis_timeout_ms,
        .on_state = on_redis_state,
    };
    api.loop = loop;
    api.rds = rds_new(loop, &options);
    options.client_name = "tiffin-api-durable";
    options.on_state = NULL;
    options.acks = conf.redis_acks;
    api.durable = conf.redis_acks ? rds_new(loop, &options) : api.rds;
    orders_start(loop);
    sse_start(loop);
    live_status_start(loop);
    monitor_start(loop);
    tail_start(loop, &TAIL);
    process_metrics_start(loop, api.rds, "api");
    memory_watch_start(loop);
    fastcgi_start(loop, listen_fd, dispatch);
    signal(SIGPIPE, SIG_IGN); /* after libfcgi's own handlers */
    drain_on_signals(loop, &DRAIN);
    ev_run(loop, 0);

    live_status_stop();
    monitor_stop();
    tail_stop();
    memory_watch_stop(loop);
    stats_stop();
    if (api.durable != api.rds)
        rds_free(api.durable);
    rds_free(api.rds);
    orders_stop(loop);
    drain_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

/* ---- the program ---------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    conf_main(argc, argv, "tiffin-api",
              "Answers nginx's FastCGI requests from a pool of event-driven processes.",
              healthcheck_pool);
    if (listen_raise_file_limit())
        log_warn("cannot raise the limit of open files");
    details_init();
    stats_set_start();
    return pool_run(pool_size(), run_child);
}
