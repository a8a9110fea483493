#include "api/memory.h"

#include <ev.h>

#include "api/request.h"
#include "base/log.h"
#include "base/rds.h"
#include "order/store.h"

#define CHECK_S 1.0

static struct memory memory;
static int is_full;
static ev_timer timer;

static void on_info(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK || memory_parse(rds_str(result->reply), &memory))
        return;
    int was_full = is_full;
    is_full = memory_is_over(&memory, MEMORY_FULL_PCT);
    if (is_full && !was_full)
        log_warn("Redis uses over %d %% of its memory; refusing new orders", MEMORY_FULL_PCT);
    else if (was_full && !is_full)
        log_warn("Redis has memory again; taking orders");
}

static void on_check(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    if (rds_is_up(api.rds))
        store_info(api.rds, "memory", on_info, NULL);
}

void memory_watch_start(struct ev_loop *loop)
{
    ev_timer_init(&timer, on_check, 0., CHECK_S);
    ev_timer_start(loop, &timer);
}

void memory_watch_stop(struct ev_loop *loop)
{
    ev_timer_stop(loop, &timer);
}

struct memory memory_now(void)
{
    return memory;
}

int memory_is_full(void)
{
    return is_full;
}
