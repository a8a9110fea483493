#include "base/where.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rds.h"
#include "base/redis_address.h"

#define ASK_MS 500     /* so often while nothing is wrong */
#define DOUBT_MS 100   /* so often at most while something is */
#define SILENCE_MS 300 /* then the next sentinel */

/* What the sentinels say of one shard, or of all where they are in one place. */
struct master {
    struct where *where;
    int shard;
    int is_wanted; /* a connection has asked */
    int is_known;
    struct address at;
};

struct where {
    struct rds_finder finder; /* first: it is what connections know of this */
    struct where *next;
    struct ev_loop *loop;
    const char *setting;
    struct redis_address address;
    struct master *masters; /* NULL when it is fixed */
    int n_masters;          /* 1, or WHERE_SHARDS_MAX */
    struct rds *sentinel;   /* the one that is asked now */
    size_t n_turns;         /* how often it was another's turn */
    int64_t turn_ms, asked_ms;
    int is_doubted;
    ev_timer tick;
    char name[ADDRESS_TEXT_SIZE]; /* of that sentinel */
    char reason[260];
};

static struct where *all; /* by setting */

/* ---- what the sentinels say ------------------------------------------------------------------ */

static void log_change(const struct address *from, const struct address *to)
{
    char old[ADDRESS_TEXT_SIZE], now[ADDRESS_TEXT_SIZE];
    address_text(from, old);
    address_text(to, now);
    log_info("Redis' master is now %s, no longer %s", now, old);
}

static void learn(struct master *m, const struct address *at)
{
    if (m->is_known && address_is_same(&m->at, at))
        return;
    if (m->is_known)
        log_change(&m->at, at);
    m->at = *at;
    m->is_known = 1;
    rds_finder_changed(&m->where->finder);
}

static void on_master(void *arg, const struct rds_result *result)
{
    struct master *m = arg;
    struct where *w = m->where;
    struct address at;
    if (result->outcome != RDS_OK)
        return; /* another's turn comes when the connection is lost, or at the next doubt */
    if (redis_address_told(result->reply, &at) == 0) {
        learn(m, &at);
        return;
    }
    snprintf(w->reason, sizeof w->reason,
             "the sentinel at %.80s knows no master of the name in %.60s", w->name, w->setting);
    w->is_doubted = 1;
}

static void ask(struct where *w)
{
    w->asked_ms = clock_mono_ms();
    w->is_doubted = 0;
    for (int i = 0; i < w->n_masters; i++) {
        if (!w->masters[i].is_wanted)
            continue;
        char *name = redis_address_name(&w->address, i);
        rds_call(w->sentinel, on_master, &w->masters[i], "SENTINEL", "get-master-addr-by-name",
                 name);
        free(name);
    }
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

static void on_sentinel(void *arg, int is_up)
{
    if (is_up)
        ask(arg);
}

static void next_turn(struct where *w)
{
    const struct address *at = &w->address.sentinels[w->n_turns++ % w->address.n_sentinels];
    struct rds_options options = {.address = w->name,
                                  .user = "sentinel-client",
                                  .client_name = "tiffin",
                                  .timeout_ms = SILENCE_MS,
                                  .greeting = RDS_GREET_SENTINEL,
                                  .on_state = on_sentinel,
                                  .arg = w};
    rds_free(w->sentinel);
    address_text(at, w->name);
    w->turn_ms = clock_mono_ms();
    w->sentinel = rds_new(w->loop, &options);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct where *w = timer->data;
    int64_t now_ms = clock_mono_ms();
    if (!rds_is_up(w->sentinel)) {
        if (now_ms - w->turn_ms < SILENCE_MS)
            return;
        snprintf(w->reason, sizeof w->reason, "no sentinel says where Redis' master is; %.100s",
                 rds_reason(w->sentinel));
        next_turn(w);
    } else if (w->is_doubted && now_ms - w->asked_ms >= DOUBT_MS) {
        next_turn(w);
    } else if (now_ms - w->asked_ms >= ASK_MS) {
        ask(w);
    }
}

/* ---- for connections ------------------------------------------------------------------------- */

static const char *find_fixed(struct rds_finder *f, int shard, struct address *ret)
{
    struct where *w = (struct where *)f;
    int is_found = w->address.fixed && redis_address_fixed(&w->address, shard, ret) == 0;
    return is_found ? NULL : "there is no such address";
}

static const char *find_master(struct rds_finder *f, int shard, struct address *ret)
{
    struct where *w = (struct where *)f;
    struct master *m = &w->masters[shard % w->n_masters];
    m->is_wanted = 1;
    if (!m->is_known)
        return w->reason;
    *ret = m->at;
    return NULL;
}

static void doubt_nothing(struct rds_finder *f)
{
    (void)f;
}

static void doubt(struct rds_finder *f)
{
    struct where *w = (struct where *)f;
    w->is_doubted = 1;
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void start_asking(struct where *w)
{
    w->n_masters = redis_address_is_by_shard(&w->address) ? WHERE_SHARDS_MAX : 1;
    w->masters = mem_calloc((size_t)w->n_masters, sizeof *w->masters);
    for (int i = 0; i < w->n_masters; i++)
        w->masters[i] = (struct master){.where = w, .shard = i};
    w->finder.find = find_master;
    w->finder.doubt = doubt;
    snprintf(w->reason, sizeof w->reason, "no sentinel has said yet where Redis' master is");
    ev_timer_init(&w->tick, on_tick, DOUBT_MS / 1000.0, DOUBT_MS / 1000.0);
    w->tick.data = w;
    ev_timer_start(w->loop, &w->tick);
    next_turn(w);
}

struct rds_finder *where(struct ev_loop *loop, const char *setting)
{
    struct where *w = all;
    while (w && (w->loop != loop || strcmp(w->setting, setting) != 0))
        w = w->next;
    if (w)
        return &w->finder;
    w = mem_calloc(1, sizeof *w);
    w->loop = loop;
    w->setting = setting;
    w->finder.find = find_fixed;
    w->finder.doubt = doubt_nothing;
    rds_finder_init(&w->finder);
    w->next = all;
    all = w;
    if (redis_address_parse(setting, &w->address) == 0 && !w->address.fixed)
        start_asking(w);
    return &w->finder;
}

void where_stop(void)
{
    while (all) {
        struct where *w = all;
        all = w->next;
        if (w->masters)
            ev_timer_stop(w->loop, &w->tick);
        rds_free(w->sentinel);
        free(w->masters);
        redis_address_release(&w->address);
        free(w);
    }
}
