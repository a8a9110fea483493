/* Walks all orders and updates. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/check_job.h"
#include "ctl/fsck.h"
#include "ctl/walk.h"

/* ---- what was walked ------------------------------------------------------------------------- */

static enum job_kind kind_of(const struct job_snapshot *snapshot)
{
    if (job_is_update(snapshot->id))
        return KIND_UPDATE;
    if (!snapshot_is_over(snapshot))
        return KIND_UNSETTLED;
    switch (order_status_parse(rds_field(snapshot->hash, "status"))) {
    case ORDER_DELIVERED:
        return KIND_DELIVERED;
    case ORDER_PAYMENT_FAILED:
        return KIND_PAYMENT_FAILED;
    case ORDER_CANCELLED:
        return KIND_CANCELLED;
    default:
        return KIND_OTHER;
    }
}

static void add_walked(struct fsck *f, const struct job_snapshot *snapshot)
{
    const char *payment_key = rds_field(snapshot->hash, "payment_key");
    if (f->n_jobs == f->jobs_capacity) {
        f->jobs_capacity = f->jobs_capacity ? 2 * f->jobs_capacity : 256;
        f->jobs = mem_realloc(f->jobs, f->jobs_capacity * sizeof *f->jobs);
    }
    f->jobs[f->n_jobs++] = (struct walked_job){
        .id = mem_strdup(snapshot->id),
        .payment_key = payment_key ? mem_strdup(payment_key) : NULL,
        .kind = kind_of(snapshot),
    };
}

/* ---- a page ---------------------------------------------------------------------------------- */

/* A job while its page is read. */
struct page_job {
    const char *key;
    struct job_snapshot snapshot; /* owns the ledger's entry */
    struct redisReply *hash;
};

/* The jobs of a page of keys; the caller frees the array. */
static struct page_job *jobs_of(const struct redisReply *keys, size_t *ret_n)
{
    struct page_job *jobs = mem_calloc(rds_len(keys) + 1, sizeof *jobs);
    size_t n = 0;
    for (size_t i = 0; i < rds_len(keys); i++) {
        const char *id;
        size_t id_len;
        enum key_kind kind = key_kind(walk_item(keys, i), &id, &id_len);
        if (kind != KEY_KIND_ORDER && kind != KEY_KIND_UPDATE)
            continue;
        jobs[n].key = walk_item(keys, i);
        jobs[n++].snapshot.id = id;
    }
    *ret_n = n;
    return jobs;
}

/* Hash, TTL and place in the index of each. */
static void read_hashes(struct rds_sync *redis, struct page_job jobs[], size_t n)
{
    int64_t now_ms = redis_now_ms(redis);
    for (size_t i = 0; i < n; i++) {
        redis_queue_id(redis, command_key_hash, jobs[i].key);
        redis_queue_id(redis, command_key_ttl, jobs[i].key);
        redis_queue_id(redis, command_index_find, jobs[i].snapshot.id);
    }
    for (size_t i = 0; i < n; i++) {
        struct job_snapshot *snapshot = &jobs[i].snapshot;
        jobs[i].hash = redis_next(redis);
        struct redisReply *ttl = redis_next(redis), *score = redis_next(redis);
        snapshot->hash = jobs[i].hash;
        snapshot->now_ms = now_ms;
        snapshot->ttl_ms = rds_int_or(ttl, -2);
        snapshot->is_indexed = rds_str(score) != NULL;
        rds_sync_free(ttl);
        rds_sync_free(score);
    }
}

/* The ledger's entries of those that have a payment key. */
static void read_ledger(struct rds_sync *redis, struct page_job jobs[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *payment_key = rds_field(jobs[i].hash, "payment_key");
        struct redis_command cmd;
        if (!payment_key)
            continue;
        command_ledger_entry(&cmd, SHARD_HOME, payment_key);
        rds_sync_queue(redis, &cmd);
    }
    for (size_t i = 0; i < n; i++)
        if (rds_field(jobs[i].hash, "payment_key"))
            jobs[i].snapshot.ledger = jobs[i].snapshot.owned = redis_next(redis);
}

/* Checked with what the walk knows, which is a little old: the caller rechecks what looks wrong. */
static int looks_wrong(struct fsck *f, struct job_snapshot *snapshot)
{
    struct findings found = {0};
    queue_index_fill(&f->queue, snapshot);
    check_job(snapshot, &found);
    int is_wrong = found.n > 0;
    findings_release(&found);
    return is_wrong;
}

static void check_walked(struct fsck *f, struct job_snapshot *snapshot)
{
    if (snapshot->ttl_ms == -2)
        return; /* has just expired */
    add_walked(f, snapshot);
    if (looks_wrong(f, snapshot))
        walk_recheck(f, snapshot->id);
}

static void on_jobs(struct fsck *f, const struct redisReply *keys)
{
    size_t n;
    struct page_job *jobs = jobs_of(keys, &n);
    read_hashes(f->redis, jobs, n);
    read_ledger(f->redis, jobs, n);
    for (size_t i = 0; i < n; i++) {
        check_walked(f, &jobs[i].snapshot);
        snapshot_release(&jobs[i].snapshot);
        rds_sync_free(jobs[i].hash);
    }
    free(jobs);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct walked_job *)a)->id, ((const struct walked_job *)b)->id);
}

/* SCAN may tell one key twice. */
static void drop_repeated(struct fsck *f)
{
    size_t kept = 0;
    if (f->n_jobs > 1)
        qsort(f->jobs, f->n_jobs, sizeof *f->jobs, by_id);
    for (size_t i = 0; i < f->n_jobs; i++) {
        if (kept > 0 && by_id(&f->jobs[kept - 1], &f->jobs[i]) == 0) {
            free(f->jobs[i].id);
            free(f->jobs[i].payment_key);
            continue;
        }
        f->jobs[kept++] = f->jobs[i];
        f->n_kind[f->jobs[kept - 1].kind]++;
    }
    f->n_jobs = kept;
}

void walk_jobs(struct fsck *f)
{
    walk_keys(f, SCAN_ORDERS, on_jobs);
    walk_keys(f, SCAN_UPDATES, on_jobs);
    drop_repeated(f);
}
