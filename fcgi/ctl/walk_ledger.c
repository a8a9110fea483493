/* Walks the payment gateway's ledger: read before the orders, compared with them afterwards. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/check_job.h"
#include "ctl/fsck.h"
#include "ctl/walk.h"

/* ---- reading --------------------------------------------------------------------------------- */

static void add_entry(struct fsck *f, const char *key, const struct redisReply *hash,
                      int64_t ttl_ms)
{
    const char *payment_key;
    size_t len;
    if (ttl_ms == -2)
        return; /* has just expired */
    if (f->n_entries == f->entries_capacity) {
        f->entries_capacity = f->entries_capacity ? 2 * f->entries_capacity : 256;
        f->entries = mem_realloc(f->entries, f->entries_capacity * sizeof *f->entries);
    }
    (void)key_kind(key, &payment_key, &len);
    f->entries[f->n_entries++] = (struct ledger_entry){
        .payment_key = mem_strndup(payment_key, len),
        .captures = rds_field_int_or(hash, "captures", 0),
        .refunds = rds_field_int_or(hash, "refunds", 0),
        .ttl_ms = ttl_ms,
    };
}

void walk_ledger_page(struct fsck *f, const struct redisReply *keys)
{
    size_t n;
    const char **of_ledger = walk_select(keys, KEY_KIND_LEDGER, &n);
    for (size_t i = 0; i < n; i++) {
        redis_queue_id(f->redis, command_key_hash, of_ledger[i]);
        redis_queue_id(f->redis, command_key_ttl, of_ledger[i]);
    }
    for (size_t i = 0; i < n; i++) {
        struct redisReply *hash = redis_next(f->redis);
        if (!hash)
            walk_report_type(f, of_ledger[i]);
        struct redisReply *ttl = redis_next(f->redis);
        add_entry(f, of_ledger[i], hash, rds_int_or(ttl, -2));
        rds_sync_free(ttl);
        rds_sync_free(hash);
    }
    free(of_ledger);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static int by_payment_key(const void *a, const void *b)
{
    const struct walked_job *x = a, *y = b;
    return strcmp(x->payment_key, y->payment_key);
}

/* The jobs that have a payment key, sorted by it; their texts are borrowed, the caller frees the
 * array. */
static struct walked_job *with_payment_keys(const struct fsck *f, size_t *ret_n)
{
    struct walked_job *paid = mem_calloc(f->n_jobs + 1, sizeof *paid);
    size_t n = 0;
    for (size_t i = 0; i < f->n_jobs; i++)
        if (f->jobs[i].payment_key)
            paid[n++] = f->jobs[i];
    if (n > 1)
        qsort(paid, n, sizeof *paid, by_payment_key);
    *ret_n = n;
    return paid;
}

/* Is it still there? An order that is let go goes after its entry. */
static int entry_exists(struct fsck *f, const struct ledger_entry *e)
{
    struct redis_command cmd;
    command_ledger_exists(&cmd, SHARD_HOME, e->payment_key);
    struct redisReply *exists = redis_call(f->redis, &cmd);
    int is_there = rds_int_or(exists, 0) == 1;
    rds_sync_free(exists);
    return is_there;
}

/* An entry without an order: right only when that order may have expired, which takes the time that
 * settled orders are kept, from the last charge or refund on. */
static void check_without_order(struct fsck *f, const struct ledger_entry *e)
{
    int64_t age_ms = e->ttl_ms < 0 ? 0 : LEDGER_KEEP_MS - e->ttl_ms;
    if (age_ms >= f->kept.least_s * 1000)
        f->n_entries_expired++;
    else if (e->captures > 0 && entry_exists(f, e))
        findings_report(&f->findings, e->payment_key, CHECK_LEDGER,
                        "captured %lld times, refunded %lld times, and no order has this payment "
                        "key",
                        (long long)e->captures, (long long)e->refunds);
}

void walk_ledger(struct fsck *f)
{
    size_t n;
    struct walked_job *paid = with_payment_keys(f, &n);
    for (size_t i = 1; i < n; i++)
        if (by_payment_key(&paid[i - 1], &paid[i]) == 0)
            findings_report(&f->findings, paid[i].id, CHECK_LEDGER,
                            "it has the same payment key as %s", paid[i - 1].id);
    for (size_t i = 0; i < f->n_entries; i++) {
        const struct walked_job wanted = {.payment_key = f->entries[i].payment_key};
        if (n == 0 || !bsearch(&wanted, paid, n, sizeof *paid, by_payment_key))
            check_without_order(f, &f->entries[i]);
    }
    free(paid);
}
