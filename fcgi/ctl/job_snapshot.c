#include "ctl/job_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "order/keys.h"
#include "order/order.h"

#define ATTEMPTS \
    50 /* each fails only when a worker came, or a payment key, at that very moment \
        */

/* The answers of the MULTI, in the order in which they are asked. */
enum part { HASH, TTL, INDEXED, READY, DELAYED, DEAD, REGISTERED, TIME, LEDGER, ACTIVE };

static void put_questions(struct ctl *c, const char *id, const char *payment_key,
                          const struct names *workers)
{
    struct key job = key_of_job(id);
    struct key entry = key_of(KEY_GATEWAY_PREFIX, payment_key);
    rds_sync_put(c->redis, "MULTI");
    rds_sync_put(c->redis, "HGETALL", job.text);
    rds_sync_put(c->redis, "PTTL", job.text);
    rds_sync_put(c->redis, "ZSCORE", KEY_INDEX, id);
    rds_sync_put(c->redis, "LPOS", KEY_READY, id, "COUNT", "0");
    rds_sync_put(c->redis, "ZSCORE", KEY_DELAYED, id);
    rds_sync_put(c->redis, "ZSCORE", KEY_DEAD, id);
    rds_sync_put(c->redis, "SMEMBERS", KEY_WORKERS);
    rds_sync_put(c->redis, "TIME");
    rds_sync_put(c->redis, "HGETALL", entry.text);
    for (size_t i = 0; i < workers->n; i++)
        rds_sync_put(c->redis, "LPOS", key_of(KEY_ACTIVE_PREFIX, workers->items[i]).text, id,
                     "COUNT", "0");
    rds_sync_put(c->redis, "EXEC");
}

/* Takes the answers; EXEC's is the last. NULL when there was none. */
static struct redisReply *take_answers(struct ctl *c, const struct names *workers)
{
    for (size_t i = 0; i < 1 + ACTIVE + workers->n; i++)
        rds_sync_free(ask_next(c));
    return ask_next(c);
}

static int contains(const struct redisReply *list, const char *name)
{
    for (size_t i = 0; i < rds_len(list); i++) {
        const char *item = rds_str(rds_at(list, i));
        if (item && strcmp(item, name) == 0)
            return 1;
    }
    return 0;
}

static int is_named(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return 1;
    return 0;
}

/* Were all workers asked that were registered at that moment? */
static int saw_all(const struct redisReply *registered, const struct names *workers)
{
    for (size_t i = 0; i < rds_len(registered); i++) {
        const char *name = rds_str(rds_at(registered, i));
        if (name && !is_named(workers, name))
            return 0;
    }
    return 1;
}

static int64_t score_ms(const struct redisReply *score)
{
    const char *text = rds_str(score);
    return text ? (int64_t)strtod(text, NULL) : 0;
}

static void fill(struct job_snapshot *snapshot, const struct redisReply *all,
                 const struct names *workers)
{
    const struct redisReply *time = rds_at(all, TIME);
    snapshot->hash = rds_at(all, HASH);
    snapshot->ttl_ms = rds_int_or(rds_at(all, TTL), -2);
    snapshot->is_indexed = rds_str(rds_at(all, INDEXED)) != NULL;
    snapshot->n_ready = (int)rds_len(rds_at(all, READY));
    snapshot->n_delayed = rds_str(rds_at(all, DELAYED)) != NULL;
    snapshot->n_dead = rds_str(rds_at(all, DEAD)) != NULL;
    snapshot->due_ms = score_ms(rds_at(all, DELAYED));
    snapshot->dead_ms = score_ms(rds_at(all, DEAD));
    snapshot->now_ms =
        rds_int_or(rds_at(time, 0), 0) * 1000 + rds_int_or(rds_at(time, 1), 0) / 1000;
    snapshot->ledger = rds_at(all, LEDGER);
    for (size_t i = 0; i < workers->n; i++) {
        int n = (int)rds_len(rds_at(all, ACTIVE + i));
        if (n == 0)
            continue;
        if (contains(rds_at(all, REGISTERED), workers->items[i]))
            snapshot->n_active += n;
        else
            snapshot->n_orphaned += n;
        snprintf(snapshot->worker, sizeof snapshot->worker, "%s", workers->items[i]);
    }
}

/* One attempt; 0 when it saw all that belongs to the job. */
static int attempt(struct ctl *c, const char *id, const struct names *lists,
                   struct job_snapshot *ret)
{
    struct names workers = {NULL, 0, 0};
    ask_workers(c, &workers);
    for (size_t i = 0; lists && i < lists->n; i++)
        names_add(&workers, lists->items[i]);

    rds_sync_put(c->redis, "HGET", key_of_job(id).text, "payment_key");
    struct redisReply *stored = ask_next(c);
    const char *payment_key = rds_str(stored) ? rds_str(stored) : "";
    put_questions(c, id, payment_key, &workers);
    struct redisReply *all = take_answers(c, &workers);
    if (!all)
        ctl_die("Redis says: %s", rds_sync_error(c->redis));

    const char *key_now = rds_field(rds_at(all, HASH), "payment_key");
    int is_whole = saw_all(rds_at(all, REGISTERED), &workers) &&
                   strcmp(key_now ? key_now : "", payment_key) == 0;
    if (is_whole) {
        *ret = (struct job_snapshot){.id = id, .owned = all};
        fill(ret, all, &workers);
        if (!*payment_key)
            ret->ledger = NULL;
    } else {
        rds_sync_free(all);
    }
    rds_sync_free(stored);
    names_release(&workers);
    return is_whole ? 0 : -1;
}

void snapshot_read(struct ctl *c, const char *id, const struct names *lists,
                   struct job_snapshot *ret)
{
    for (int i = 0; i < ATTEMPTS; i++)
        if (attempt(c, id, lists, ret) == 0)
            return;
    ctl_die("%s does not hold still; please try again", id);
}

void snapshot_release(struct job_snapshot *snapshot)
{
    rds_sync_free(snapshot->owned);
    snapshot->owned = NULL;
}

int snapshot_n_places(const struct job_snapshot *snapshot)
{
    return snapshot->n_ready + snapshot->n_active + snapshot->n_orphaned + snapshot->n_delayed +
           snapshot->n_dead;
}

const char *snapshot_place(const struct job_snapshot *snapshot)
{
    int n = snapshot_n_places(snapshot);
    if (n == 0)
        return "nowhere";
    if (n > 1)
        return "several";
    if (snapshot->n_ready)
        return "ready";
    if (snapshot->n_delayed)
        return "delayed";
    return snapshot->n_dead ? "dead" : "active";
}

int snapshot_is_over(const struct job_snapshot *snapshot)
{
    const char *step = rds_field(snapshot->hash, "step");
    return step && (strcmp(step, "settled") == 0 || strcmp(step, "published") == 0);
}
