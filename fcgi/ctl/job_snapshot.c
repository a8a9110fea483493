#include "ctl/job_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/redis.h"

/* Each fails only when a worker came, or a payment key, at that very moment. */
#define ATTEMPTS 50

/* ---- the answer ------------------------------------------------------------------------------ */

/* What the MULTI asks, in this order. From ACTIVE on: the list of each worker. */
enum part { HASH, TTL, INDEXED, READY, DELAYED, DEAD, REGISTERED, TIME, LEDGER, ACTIVE };

static int contains(const struct redisReply *list, const char *name)
{
    for (size_t i = 0; i < rds_len(list); i++) {
        const char *item = rds_str(rds_at(list, i));
        if (item && strcmp(item, name) == 0)
            return 1;
    }
    return 0;
}

/* Were all workers asked about that were registered at that moment? */
static int has_all(const struct names *workers, const struct redisReply *registered)
{
    for (size_t i = 0; i < rds_len(registered); i++) {
        const char *name = rds_str(rds_at(registered, i));
        if (name && !names_contain(workers, name))
            return 0;
    }
    return 1;
}

static int64_t score_ms(const struct redisReply *score)
{
    const char *text = rds_str(score);
    return text ? (int64_t)strtod(text, NULL) : 0;
}

static void parse_active(const struct redisReply *all, const struct names *workers,
                         struct job_snapshot *ret)
{
    for (size_t i = 0; i < workers->n; i++) {
        int n = (int)rds_len(rds_at(all, ACTIVE + i));
        int is_registered = contains(rds_at(all, REGISTERED), workers->items[i]);
        if (n == 0)
            continue;
        ret->n_at[is_registered ? AT_ACTIVE : AT_ORPHANED] += n;
        snprintf(ret->worker, sizeof ret->worker, "%s", workers->items[i]);
    }
}

int snapshot_parse(const struct redisReply *all, const struct names *workers,
                   const char *payment_key, struct job_snapshot *ret)
{
    const char *key_now = rds_field(rds_at(all, HASH), "payment_key");
    if (strcmp(key_now ? key_now : "", payment_key) != 0 ||
        !has_all(workers, rds_at(all, REGISTERED)))
        return -EAGAIN;
    *ret = (struct job_snapshot){
        .hash = rds_at(all, HASH),
        .ledger = *payment_key ? rds_at(all, LEDGER) : NULL,
        .now_ms = redis_time_ms(rds_at(all, TIME)),
        .ttl_ms = rds_int_or(rds_at(all, TTL), -2),
        .is_indexed = rds_str(rds_at(all, INDEXED)) != NULL,
        .n_at = {[AT_READY] = (int)rds_len(rds_at(all, READY)),
                 [AT_DELAYED] = rds_str(rds_at(all, DELAYED)) != NULL,
                 [AT_DEAD] = rds_str(rds_at(all, DEAD)) != NULL},
        .due_ms = score_ms(rds_at(all, DELAYED)),
        .dead_ms = score_ms(rds_at(all, DEAD)),
    };
    parse_active(all, workers, ret);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void queue_find(struct rds_sync *redis, const char *id, enum queue_kind kind,
                       const char *worker)
{
    const struct queue_part part = {shard_of_id(id), kind, worker};
    struct redis_command cmd;
    command_queue_find(&cmd, &part, id);
    rds_sync_queue(redis, &cmd);
}

/* Queues the MULTI: each enum part in its order. */
static void queue_parts(struct rds_sync *redis, const char *id, const char *payment_key,
                        const struct names *workers)
{
    struct redis_command cmd;
    command_multi(&cmd);
    rds_sync_queue(redis, &cmd);
    redis_queue_id(redis, command_job, id);
    redis_queue_id(redis, command_job_ttl, id);
    redis_queue_id(redis, command_index_find, id);
    queue_find(redis, id, QUEUE_READY, NULL);
    queue_find(redis, id, QUEUE_DELAYED, NULL);
    queue_find(redis, id, QUEUE_DEAD, NULL);
    command_workers(&cmd, shard_of_id(id));
    rds_sync_queue(redis, &cmd);
    command_time(&cmd);
    rds_sync_queue(redis, &cmd);
    command_ledger_entry(&cmd, shard_of_id(id), payment_key);
    rds_sync_queue(redis, &cmd);
    for (size_t i = 0; i < workers->n; i++)
        queue_find(redis, id, QUEUE_ACTIVE, workers->items[i]);
    command_exec(&cmd);
    rds_sync_queue(redis, &cmd);
}

/* Takes the answers; EXEC's, with all replies, is the last. */
static struct redisReply *next_exec(struct rds_sync *redis, const struct names *workers)
{
    for (size_t i = 0; i < 1 + ACTIVE + workers->n; i++)
        rds_sync_free(redis_next(redis));
    struct redisReply *all = redis_next(redis);
    if (!all)
        ctl_die("Redis says: %s", rds_sync_error(redis));
    return all;
}

/* NULL when it has none. */
static struct redisReply *read_payment_key(struct rds_sync *redis, const char *id)
{
    struct redis_command cmd;
    command_job_fields(&cmd, id, "payment_key");
    rds_sync_queue(redis, &cmd);
    return redis_next(redis);
}

/* 0, or -EAGAIN. */
static int attempt(struct rds_sync *redis, const char *id, const struct names *workers,
                   struct job_snapshot *ret)
{
    struct redisReply *stored = read_payment_key(redis, id);
    const char *payment_key = rds_str(rds_at(stored, 0));
    payment_key = payment_key ? payment_key : "";
    queue_parts(redis, id, payment_key, workers);
    struct redisReply *all = next_exec(redis, workers);
    int err = snapshot_parse(all, workers, payment_key, ret);
    if (err) {
        rds_sync_free(all);
    } else {
        ret->id = id;
        ret->owned = all;
    }
    rds_sync_free(stored);
    return err;
}

void snapshot_read(struct rds_sync *redis, const char *id, const struct names *workers,
                   struct job_snapshot *ret)
{
    int err = -EAGAIN;
    for (int i = 0; err && i < ATTEMPTS; i++) {
        struct names asked = {0};
        redis_workers(redis, &asked);
        for (size_t w = 0; workers && w < workers->n; w++)
            names_add(&asked, workers->items[w]);
        err = attempt(redis, id, &asked, ret);
        names_release(&asked);
    }
    if (err)
        ctl_die("%s does not hold still; please try again", id);
}

void snapshot_release(struct job_snapshot *snapshot)
{
    rds_sync_free(snapshot->owned);
    snapshot->owned = NULL;
}

/* ---- what it says ---------------------------------------------------------------------------- */

int snapshot_n_places(const struct job_snapshot *snapshot)
{
    int n = 0;
    for (int at = 0; at < AT_COUNT; at++)
        n += snapshot->n_at[at];
    return n;
}

const char *snapshot_place(const struct job_snapshot *snapshot)
{
    static const char *const NAMES[AT_COUNT] = {
        [AT_READY] = "ready",     [AT_ACTIVE] = "active", [AT_ORPHANED] = "active",
        [AT_DELAYED] = "delayed", [AT_DEAD] = "dead",
    };
    int n = snapshot_n_places(snapshot), at = 0;
    if (n != 1)
        return n == 0 ? "nowhere" : "several";
    while (snapshot->n_at[at] == 0)
        at++;
    return NAMES[at];
}

int snapshot_is_over(const struct job_snapshot *snapshot)
{
    const char *step = rds_field(snapshot->hash, "step");
    return step && (strcmp(step, "settled") == 0 || strcmp(step, "published") == 0);
}
