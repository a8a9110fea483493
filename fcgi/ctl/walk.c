/* The walks of fsck. They go on while the system works, so what they read is of different moments:
 * whatever looks wrong is looked at again in one MULTI (fsck_recheck), and only that counts.
 *
 * The order of the walks is what makes money provable on a living system: the ledger is read before
 * the orders. An order stores its payment key before the gateway is called, and keeps it for ever;
 * so the order of an entry that was seen carries its key whenever it is read later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/job_snapshot.h"
#include "order/keys.h"
#include "order/order.h"
#include "order/store.h"

#define PAGE "1000" /* keys a SCAN, ids a range: Redis serves others in between */
#define PAGE_SIZE 1000
#define IDEM_KEEP_MS (INT64_C(86400) * 1000) /* redis/functions/tiffin: IDEMPOTENCY_SECONDS */

static const char *after(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

void fsck_recheck(struct fsck *f, const char *id)
{
    struct job_snapshot snapshot;
    f->n_rechecked++;
    snapshot_read(f->c, id, &f->lists, &snapshot);
    check_job(&snapshot, findings_found, &f->findings);
    snapshot_release(&snapshot);
}

/* ---- SCAN ---------------------------------------------------------------------------------- */

typedef void (*page_fn)(struct fsck *f, const struct redisReply *items);

/* SCAN, or ZSCAN of `key` (its items are members and scores in turn). */
static void scan(struct fsck *f, const char *key, const char *match, page_fn on_page)
{
    char cursor[32] = "0";
    do {
        struct redisReply *reply = key ? ask(f->c, "ZSCAN", key, cursor, "COUNT", PAGE)
                                       : ask(f->c, "SCAN", cursor, "MATCH", match, "COUNT", PAGE);
        const char *next = rds_str(rds_at(reply, 0));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "0");
        on_page(f, rds_at(reply, 1));
        rds_sync_free(reply);
    } while (strcmp(cursor, "0") != 0);
}

static const char *text_at(const struct redisReply *items, size_t i)
{
    const char *text = rds_str(rds_at(items, i));
    return text ? text : "";
}

static void say_type(struct fsck *f, const char *key)
{
    findings_say(&f->findings, key, CHECK_TYPE, "Redis says: %.100s", rds_sync_error(f->c->redis));
}

void walk_library(struct fsck *f)
{
    struct redisReply *reply = rds_sync_ask(f->c->redis, "FCALL_RO", FN_LIBRARY_VERSION, "0");
    if (!store_library_version_ok(reply))
        findings_say(&f->findings, "", CHECK_LIBRARY,
                     "the functions are of version %.20s, this program of " LIBRARY_VERSION
                     ": run tiffin-load",
                     rds_str(reply) ? rds_str(reply) : "(none)");
    rds_sync_free(reply);
}

/* ---- beside the orders ----------------------------------------------------------------------- */

static void add_entry(struct fsck *f, const char *key, const struct redisReply *hash,
                      int64_t ttl_ms)
{
    if (ttl_ms == -2)
        return; /* has just expired */
    if (f->n_entries == f->entries_capacity) {
        f->entries_capacity = f->entries_capacity ? 2 * f->entries_capacity : 256;
        f->entries = mem_realloc(f->entries, f->entries_capacity * sizeof *f->entries);
    }
    f->entries[f->n_entries++] = (struct entry){
        .key = mem_strdup(key),
        .captures = rds_field_int_or(hash, "captures", 0),
        .refunds = rds_field_int_or(hash, "refunds", 0),
        .ttl_ms = ttl_ms,
    };
}

static void page_ledger(struct fsck *f, const struct redisReply *keys)
{
    for (size_t i = 0; i < rds_len(keys); i++)
        if (after(text_at(keys, i), KEY_GATEWAY_PREFIX)) {
            rds_sync_put(f->c->redis, "HGETALL", text_at(keys, i));
            rds_sync_put(f->c->redis, "PTTL", text_at(keys, i));
        }
    for (size_t i = 0; i < rds_len(keys); i++) {
        const char *key = after(text_at(keys, i), KEY_GATEWAY_PREFIX);
        if (!key)
            continue;
        struct redisReply *hash = ask_next(f->c);
        if (!hash)
            say_type(f, text_at(keys, i));
        struct redisReply *ttl = ask_next(f->c);
        add_entry(f, key, hash, rds_int_or(ttl, -2));
        rds_sync_free(ttl);
        rds_sync_free(hash);
    }
}

/* May an order placed at that time have been let go to make room? Asked after it was missed. */
static int may_be_forgotten(struct fsck *f, int64_t placed_ms)
{
    if (placed_ms > f->forgotten_to_ms) { /* more may have gone meanwhile */
        struct redisReply *to = ask(f->c, "HGET", KEY_COUNT, "forgotten_to");
        f->forgotten_to_ms = rds_int_or(to, 0);
        rds_sync_free(to);
    }
    return placed_ms <= f->forgotten_to_ms;
}

static void check_idem(struct fsck *f, const char *key, const struct redisReply *value,
                       int64_t ttl_ms, int64_t now_ms)
{
    const char *text = rds_str(value);
    const char *id = text ? strchr(text, ' ') : NULL;
    if (!text)
        return; /* has just expired */
    f->n_idem++;
    if (!id || !job_id_is_valid(id + 1)) {
        findings_say(&f->findings, key, CHECK_IDEM, "it leads to no id: %.60s", text);
        return;
    }
    if (ttl_ms == -1)
        findings_say(&f->findings, key, CHECK_IDEM, "it never expires");
    struct redisReply *exists = ask(f->c, "EXISTS", key_of_job(id + 1).text);
    int is_there = rds_int_or(exists, 0) == 1;
    rds_sync_free(exists);
    if (!is_there && (job_is_update(id + 1) || may_be_forgotten(f, now_ms - IDEM_KEEP_MS + ttl_ms)))
        f->n_idem_expired++; /* an update is kept for a minute after its broadcast */
    else if (!is_there)
        findings_say(&f->findings, id + 1, CHECK_IDEM,
                     "an Idempotency-Key leads to it, but there is no such order");
}

static void page_idem(struct fsck *f, const struct redisReply *keys)
{
    int64_t now_ms = ask_now(f->c); /* before their TTLs: no key looks younger than its order */
    for (size_t i = 0; i < rds_len(keys); i++)
        if (after(text_at(keys, i), KEY_IDEM_PREFIX)) {
            rds_sync_put(f->c->redis, "GET", text_at(keys, i));
            rds_sync_put(f->c->redis, "PTTL", text_at(keys, i));
        }
    struct redisReply **values = mem_calloc(2 * rds_len(keys) + 1, sizeof(struct redisReply *));
    for (size_t i = 0; i < rds_len(keys); i++) {
        if (!after(text_at(keys, i), KEY_IDEM_PREFIX))
            continue;
        values[2 * i] = ask_next(f->c);
        if (!values[2 * i])
            say_type(f, text_at(keys, i));
        values[2 * i + 1] = ask_next(f->c);
    }
    for (size_t i = 0; i < rds_len(keys); i++) {
        if (values[2 * i])
            check_idem(f, text_at(keys, i), values[2 * i], rds_int_or(values[2 * i + 1], -2),
                       now_ms);
        rds_sync_free(values[2 * i]);
        rds_sync_free(values[2 * i + 1]);
    }
    free(values);
}

/* The id of the user whose list of orders this key is: its length, 0 when it is no such key. */
static int user_of_list(const char *key, const char **ret_user)
{
    const char *user = after(key, KEY_USER_PREFIX);
    size_t suffix = strlen(KEY_USER_ORDERS_SUFFIX);
    if (!user || strlen(user) <= suffix)
        return 0;
    *ret_user = user;
    size_t n = strlen(user) - suffix;
    return strcmp(user + n, KEY_USER_ORDERS_SUFFIX) == 0 ? (int)n : 0;
}

static void check_user_list(struct fsck *f, const char *key)
{
    const char *user = "";
    int n_user = user_of_list(key, &user);
    struct redisReply *ids = rds_sync_ask(f->c->redis, "LRANGE", key, "0", "-1");
    if (!ids) {
        say_type(f, key);
        return;
    }
    for (size_t i = 0; i < rds_len(ids); i++)
        rds_sync_put(f->c->redis, "HMGET", key_of_job(text_at(ids, i)).text, "id", "user_id");
    for (size_t i = 0; i < rds_len(ids); i++) {
        struct redisReply *order = ask_next(f->c);
        const char *owner = rds_str(rds_at(order, 1));
        if (!order_id_is_valid(text_at(ids, i)))
            findings_say(&f->findings, key, CHECK_USER, "it holds what is no order's id: %.60s",
                         text_at(ids, i));
        else if (!rds_str(rds_at(order, 0)))
            f->n_user_expired++;
        else if (!owner || strlen(owner) != (size_t)n_user ||
                 strncmp(owner, user, (size_t)n_user) != 0)
            findings_say(&f->findings, key, CHECK_USER, "%s is the order of user %.60s",
                         text_at(ids, i), owner ? owner : "(none)");
        rds_sync_free(order);
    }
    f->n_user_lists++;
    rds_sync_free(ids);
}

static void page_side_tables(struct fsck *f, const struct redisReply *keys)
{
    const char *user;
    page_ledger(f, keys);
    page_idem(f, keys);
    for (size_t i = 0; i < rds_len(keys); i++) {
        const char *key = text_at(keys, i);
        const char *worker = after(key, KEY_ACTIVE_PREFIX);
        if (worker)
            names_add(&f->lists, worker);
        else if (user_of_list(key, &user) > 0)
            check_user_list(f, key);
    }
}

void walk_side_tables(struct fsck *f)
{
    scan(f, NULL, "*" SHARD "*", page_side_tables);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void walk_list(struct fsck *f, const char *key, enum queue_place at)
{
    size_t n = PAGE_SIZE;
    for (long start = 0; n == PAGE_SIZE; start += PAGE_SIZE) {
        char from[24], to[24];
        snprintf(from, sizeof from, "%ld", start);
        snprintf(to, sizeof to, "%ld", start + PAGE_SIZE - 1);
        struct redisReply *ids = rds_sync_ask(f->c->redis, "LRANGE", key, from, to);
        if (!ids)
            say_type(f, key);
        n = rds_len(ids);
        for (size_t i = 0; i < n; i++)
            queue_index_add(&f->queue, text_at(ids, i), at);
        rds_sync_free(ids);
    }
}

static void page_delayed(struct fsck *f, const struct redisReply *items)
{
    for (size_t i = 0; i + 1 < rds_len(items); i += 2)
        queue_index_add(&f->queue, text_at(items, i), AT_DELAYED);
}

static void page_dead(struct fsck *f, const struct redisReply *items)
{
    for (size_t i = 0; i + 1 < rds_len(items); i += 2)
        queue_index_add(&f->queue, text_at(items, i), AT_DEAD);
}

void walk_queue(struct fsck *f)
{
    struct names registered = {NULL, 0, 0};
    ask_workers(f->c, &registered);
    f->n_workers = registered.n;
    for (size_t i = 0; i < registered.n; i++)
        names_add(&f->lists, registered.items[i]);
    walk_list(f, KEY_READY, AT_READY);
    for (size_t i = 0; i < f->lists.n; i++) {
        size_t is_registered = 0;
        for (size_t r = 0; r < registered.n; r++)
            is_registered += strcmp(registered.items[r], f->lists.items[i]) == 0;
        walk_list(f, key_of(KEY_ACTIVE_PREFIX, f->lists.items[i]).text,
                  is_registered ? AT_ACTIVE : AT_ORPHANED);
    }
    names_release(&registered);
    scan(f, KEY_DELAYED, NULL, page_delayed);
    scan(f, KEY_DEAD, NULL, page_dead);
    queue_index_sort(&f->queue);
}

/* ---- orders and updates ---------------------------------------------------------------------- */

static void note_problem(void *arg, const char *id, const struct problem *problem)
{
    (void)id, (void)problem;
    *(int *)arg = 1;
}

static enum kind kind_of(const struct job_snapshot *snapshot)
{
    const char *status = rds_field(snapshot->hash, "status");
    if (job_is_update(snapshot->id))
        return KIND_UPDATE;
    if (!snapshot_is_over(snapshot))
        return KIND_UNSETTLED;
    switch (order_status_parse(status)) {
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
    f->jobs[f->n_jobs++] = (struct walked){
        .id = mem_strdup(snapshot->id),
        .payment_key = payment_key ? mem_strdup(payment_key) : NULL,
        .kind = kind_of(snapshot),
    };
}

/* The id of an order's or update's key; NULL for all other keys. */
static const char *job_of_key(const char *key)
{
    const char *id = after(key, KEY_ORDER_PREFIX);
    return id ? id : after(key, KEY_UPDATE_PREFIX);
}

/* Judged with what the walk knows, which is a little old; the caller rechecks when it looks wrong.
 */
static int looks_wrong(struct fsck *f, struct job_snapshot *snapshot)
{
    int is_wrong = 0;
    queue_index_fill(&f->queue, snapshot);
    check_job(snapshot, note_problem, &is_wrong);
    return is_wrong;
}

/* hash, TTL and place in the index of each; then the ledger's entries. */
static void page_jobs(struct fsck *f, const struct redisReply *keys)
{
    size_t n = rds_len(keys);
    struct redisReply **hashes = mem_calloc(n + 1, sizeof(struct redisReply *));
    struct job_snapshot *snapshots = mem_calloc(n + 1, sizeof *snapshots);
    int64_t now_ms = ask_now(f->c);

    for (size_t i = 0; i < n; i++) {
        const char *id = job_of_key(text_at(keys, i));
        if (!id)
            continue;
        rds_sync_put(f->c->redis, "HGETALL", text_at(keys, i));
        rds_sync_put(f->c->redis, "PTTL", text_at(keys, i));
        rds_sync_put(f->c->redis, "ZSCORE", KEY_INDEX, id);
    }
    for (size_t i = 0; i < n; i++) {
        snapshots[i].id = job_of_key(text_at(keys, i));
        if (!snapshots[i].id)
            continue;
        hashes[i] = ask_next(f->c);
        struct redisReply *ttl = ask_next(f->c), *score = ask_next(f->c);
        snapshots[i].hash = hashes[i];
        snapshots[i].now_ms = now_ms;
        snapshots[i].ttl_ms = rds_int_or(ttl, -2);
        snapshots[i].is_indexed = rds_str(score) != NULL;
        rds_sync_free(ttl);
        rds_sync_free(score);
    }
    for (size_t i = 0; i < n; i++) {
        const char *key = snapshots[i].id ? rds_field(hashes[i], "payment_key") : NULL;
        if (key)
            rds_sync_put(f->c->redis, "HGETALL", key_of(KEY_GATEWAY_PREFIX, key).text);
    }
    for (size_t i = 0; i < n; i++)
        if (snapshots[i].id && rds_field(hashes[i], "payment_key"))
            snapshots[i].owned = ask_next(f->c);
    for (size_t i = 0; i < n; i++) {
        snapshots[i].ledger = snapshots[i].owned;
        if (snapshots[i].id && snapshots[i].ttl_ms != -2) {
            add_walked(f, &snapshots[i]);
            if (looks_wrong(f, &snapshots[i]))
                fsck_recheck(f, snapshots[i].id);
        }
        snapshot_release(&snapshots[i]);
        rds_sync_free(hashes[i]);
    }
    free(snapshots);
    free(hashes);
}

static int by_job(const void *a, const void *b)
{
    return strcmp(((const struct walked *)a)->id, ((const struct walked *)b)->id);
}

/* SCAN may tell one key twice. */
static void drop_repeated(struct fsck *f)
{
    size_t kept = 0;
    if (f->n_jobs > 1)
        qsort(f->jobs, f->n_jobs, sizeof *f->jobs, by_job);
    for (size_t i = 0; i < f->n_jobs; i++) {
        if (kept > 0 && by_job(&f->jobs[kept - 1], &f->jobs[i]) == 0) {
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
    scan(f, NULL, KEY_ORDER_PREFIX "*", page_jobs);
    scan(f, NULL, KEY_UPDATE_PREFIX "*", page_jobs);
    drop_repeated(f);
}

/* Placed after the walk had passed, or no job at all. */
void walk_orphaned(struct fsck *f)
{
    const struct queue_index *s = &f->queue;
    for (size_t i = 0; i < s->n; i++)
        if (!s->items[i].is_known && (i == 0 || strcmp(s->items[i - 1].id, s->items[i].id) != 0))
            fsck_recheck(f, s->items[i].id);
}

/* ---- the index ------------------------------------------------------------------------------- */

/* Workers take expired orders out of the index once in a while, so one of these is found here for
 * some time. It is wrong when the order is too young to have expired, or expired a day ago. */
#define INDEX_GRACE_MS (INT64_C(86400) * 1000)

static void page_index(struct fsck *f, const struct redisReply *items)
{
    int64_t now_ms = ask_now(f->c);
    for (size_t i = 0; i + 1 < rds_len(items); i += 2)
        rds_sync_put(f->c->redis, "EXISTS", key_of_job(text_at(items, i)).text);
    size_t n = rds_len(items) / 2;
    char *is_there = mem_calloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        struct redisReply *exists = ask_next(f->c);
        is_there[i] = rds_int_or(exists, 0) == 1;
        rds_sync_free(exists);
    }
    for (size_t i = 0; i < n; i++) {
        int64_t age_ms = now_ms - (int64_t)strtod(text_at(items, 2 * i + 1), NULL);
        f->n_index++;
        if (is_there[i])
            continue;
        if (age_ms >= f->kept.least_s * 1000 && age_ms < f->kept.now_s * 1000 + INDEX_GRACE_MS)
            f->n_index_expired++;
        else
            fsck_recheck(f, text_at(items, 2 * i));
    }
    free(is_there);
}

void walk_index(struct fsck *f)
{
    scan(f, KEY_INDEX, NULL, page_index);
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static int by_payment_key(const void *a, const void *b)
{
    return strcmp(((const struct walked *)a)->payment_key, ((const struct walked *)b)->payment_key);
}

/* Those jobs that have a payment key, sorted by it; ret->items borrows their texts. */
static struct walked *with_payment_keys(const struct fsck *f, size_t *ret_n)
{
    struct walked *paid = mem_calloc(f->n_jobs + 1, sizeof *paid);
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
static int entry_exists(struct fsck *f, const struct entry *e)
{
    struct redisReply *exists = ask(f->c, "EXISTS", key_of(KEY_GATEWAY_PREFIX, e->key).text);
    int is_there = rds_int_or(exists, 0) == 1;
    rds_sync_free(exists);
    return is_there;
}

/* An entry without an order: right only when that order may have expired, which takes the time that
 * settled orders are kept, from the last charge or refund on. */
static void check_orphan(struct fsck *f, const struct entry *e)
{
    int64_t age_ms = e->ttl_ms < 0 ? 0 : LEDGER_KEEP_MS - e->ttl_ms;
    if (age_ms >= f->kept.least_s * 1000)
        f->n_entries_expired++;
    else if (e->captures > 0 && entry_exists(f, e))
        findings_say(&f->findings, e->key, CHECK_LEDGER,
                     "captured %lld times, refunded %lld times, and no order has this payment key",
                     (long long)e->captures, (long long)e->refunds);
}

void walk_ledger(struct fsck *f)
{
    size_t n;
    struct walked *paid = with_payment_keys(f, &n);
    for (size_t i = 1; i < n; i++)
        if (by_payment_key(&paid[i - 1], &paid[i]) == 0)
            findings_say(&f->findings, paid[i].id, CHECK_LEDGER,
                         "it has the same payment key as %s", paid[i - 1].id);
    for (size_t i = 0; i < f->n_entries; i++) {
        struct walked wanted = {.payment_key = f->entries[i].key};
        if (n == 0 || !bsearch(&wanted, paid, n, sizeof *paid, by_payment_key))
            check_orphan(f, &f->entries[i]);
    }
    free(paid);
}
