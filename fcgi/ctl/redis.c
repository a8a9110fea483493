#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/mem.h"
#include "order/keys.h"
#include "order/order.h"
#include "order/store.h"

struct key key_of(const char *prefix, const char *id)
{
    struct key k;
    snprintf(k.text, sizeof k.text, "%s%.400s", prefix, id);
    return k;
}

struct key key_of_job(const char *id)
{
    return key_of(job_is_update(id) ? KEY_UPDATE_PREFIX : KEY_ORDER_PREFIX, id);
}

static void check(struct ctl *c, const struct redisReply *reply)
{
    if (!reply)
        ctl_die("%s%s", rds_sync_is_lost(c->redis) ? "lost Redis: " : "Redis says: ",
                rds_sync_error(c->redis));
}

struct redisReply *ask_argv(struct ctl *c, size_t n, const char *const argv[])
{
    struct redisReply *reply = rds_sync_callv(c->redis, n, argv);
    check(c, reply);
    return reply;
}

struct redisReply *ask_args(struct ctl *c, struct rds_args *cmd)
{
    struct redisReply *reply = rds_sync_call(c->redis, cmd);
    check(c, reply);
    return reply;
}

struct redisReply *ask_next(struct ctl *c)
{
    struct redisReply *reply = rds_sync_next(c->redis);
    if (!reply && rds_sync_is_lost(c->redis))
        check(c, reply);
    return reply;
}

int64_t ask_now(struct ctl *c)
{
    struct redisReply *reply = ask(c, "TIME");
    int64_t now_ms =
        rds_int_or(rds_at(reply, 0), 0) * 1000 + rds_int_or(rds_at(reply, 1), 0) / 1000;
    rds_sync_free(reply);
    return now_ms;
}

void ask_kept(struct ctl *c, struct kept *ret)
{
    struct redisReply *reply = ask(c, "HMGET", KEY_FACTS, "keep_seconds", "keep_least");
    ret->now_s = rds_int_or(rds_at(reply, 0), (int64_t)conf.retention_days * 86400);
    ret->least_s = rds_int_or(rds_at(reply, 1), ret->now_s);
    rds_sync_free(reply);
}

/* ---- workers ------------------------------------------------------------------------------- */

void names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return;
    if (names->n == names->capacity) {
        names->capacity = names->capacity ? 2 * names->capacity : 16;
        names->items = mem_realloc(names->items, names->capacity * sizeof *names->items);
    }
    names->items[names->n++] = mem_strdup(name);
}

void names_release(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){NULL, 0, 0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void ask_workers(struct ctl *c, struct names *ret)
{
    struct redisReply *reply = ask(c, "SMEMBERS", KEY_WORKERS);
    for (size_t i = 0; i < rds_len(reply); i++)
        if (rds_str(rds_at(reply, i)))
            names_add(ret, rds_str(rds_at(reply, i)));
    rds_sync_free(reply);
    if (ret->n > 1)
        qsort(ret->items, ret->n, sizeof *ret->items, by_name);
}

void ask_stats(struct ctl *c, struct store_stats *ret)
{
    static const char *const FIXED[] = {KEY_COUNT, KEY_READY,   KEY_DELAYED,
                                        KEY_DEAD,  KEY_WORKERS, KEY_PAUSED};
    const size_t n_fixed = sizeof FIXED / sizeof FIXED[0];
    for (int tries = 0; tries < 100; tries++) {
        struct names workers = {NULL, 0, 0};
        struct rds_args cmd = RDS_ARGS_INIT;
        ask_workers(c, &workers);
        rds_arg(&cmd, "FCALL_RO");
        rds_arg(&cmd, FN_STATS);
        rds_arg(&cmd, "%zu", n_fixed + workers.n);
        for (size_t i = 0; i < n_fixed; i++)
            rds_arg(&cmd, "%s", FIXED[i]);
        for (size_t i = 0; i < workers.n; i++)
            rds_arg(&cmd, KEY_ACTIVE_PREFIX "%s", workers.items[i]);
        names_release(&workers);
        struct redisReply *reply = ask_args(c, &cmd);
        int err = store_stats_parse(reply, ret);
        rds_sync_free(reply);
        if (err == 0)
            return;
    }
    ctl_die("the workers come and go too fast to be counted, or the functions are of another "
            "version");
}
