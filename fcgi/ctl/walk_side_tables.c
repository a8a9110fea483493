/* Walks what is stored beside orders and queue: the ledger, the active lists there are, the
 * Idempotency-Keys and the users' lists of orders. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/walk.h"

#define IDEM_KEEP_MS (INT64_C(86400) * 1000) /* redis/functions/tiffin/: IDEMPOTENCY_SECONDS */

/* ---- Idempotency-Keys ------------------------------------------------------------------------ */

struct idem {
    const char *key;
    struct redisReply *value; /* "<fingerprint> <id>"; NULL: not even a text */
    int64_t ttl_ms;           /* -1: it never expires */
};

/* May an order placed at that time have been let go to make room? Asked after it was missed. */
static int may_be_forgotten(struct fsck *f, int64_t placed_ms)
{
    if (placed_ms > f->forgotten_to_ms) { /* more may have gone meanwhile */
        struct redisReply *to = redis_ask(f->redis, command_forgotten_to);
        f->forgotten_to_ms = rds_int_or(to, 0);
        rds_sync_free(to);
    }
    return placed_ms <= f->forgotten_to_ms;
}

static int job_exists(struct fsck *f, const char *id)
{
    struct redisReply *exists = redis_ask_id(f->redis, command_job_exists, id);
    int is_there = rds_int_or(exists, 0) == 1;
    rds_sync_free(exists);
    return is_there;
}

/* The job that the key leads to. */
static void check_idem_job(struct fsck *f, const char *id, int64_t placed_ms)
{
    if (job_exists(f, id))
        return;
    if (job_is_update(id) || may_be_forgotten(f, placed_ms))
        f->n_idem_expired++; /* an update is kept for a minute after its broadcast */
    else
        findings_report(&f->findings, id, CHECK_IDEM,
                        "an Idempotency-Key leads to it, but there is no such order");
}

static void check_idem(struct fsck *f, const struct idem *idem, int64_t now_ms)
{
    const char *text = rds_str(idem->value);
    const char *id = text ? strchr(text, ' ') : NULL;
    if (!text)
        return; /* has just expired */
    f->n_idem++;
    if (!id || !job_id_is_valid(id + 1)) {
        findings_report(&f->findings, idem->key, CHECK_IDEM, "it leads to no id: %.60s", text);
        return;
    }
    if (idem->ttl_ms == -1)
        findings_report(&f->findings, idem->key, CHECK_IDEM, "it never expires");
    check_idem_job(f, id + 1, now_ms - IDEM_KEEP_MS + idem->ttl_ms);
}

/* Text and TTL of each key of the page; the caller frees values and array. */
static struct idem *read_idem(struct fsck *f, const struct redisReply *keys, size_t *ret_n)
{
    const char **of_idem = walk_select(keys, KEY_KIND_IDEMPOTENCY, ret_n);
    struct idem *page = mem_calloc(*ret_n + 1, sizeof *page);
    for (size_t i = 0; i < *ret_n; i++) {
        redis_queue_id(f->redis, command_key_text, of_idem[i]);
        redis_queue_id(f->redis, command_key_ttl, of_idem[i]);
    }
    for (size_t i = 0; i < *ret_n; i++) {
        page[i].key = of_idem[i];
        page[i].value = redis_next(f->redis);
        if (!page[i].value)
            walk_report_type(f, of_idem[i]);
        struct redisReply *ttl = redis_next(f->redis);
        page[i].ttl_ms = rds_int_or(ttl, -2);
        rds_sync_free(ttl);
    }
    free(of_idem);
    return page;
}

static void on_idem(struct fsck *f, const struct redisReply *keys)
{
    size_t n;
    /* Before their TTLs are read: no key looks younger than its order. */
    int64_t now_ms = redis_now_ms(f->redis);
    struct idem *page = read_idem(f, keys, &n);
    for (size_t i = 0; i < n; i++) {
        check_idem(f, &page[i], now_ms);
        rds_sync_free(page[i].value);
    }
    free(page);
}

/* ---- users' lists ---------------------------------------------------------------------------- */

/* A user's list: its key, and the user's id inside it. */
struct user_list {
    const char *key, *user;
    size_t user_len;
};

/* order: id and user_id, as stored. */
static void check_user_order(struct fsck *f, const struct user_list *list, const char *id,
                             const struct redisReply *order)
{
    const char *owner = rds_str(rds_at(order, 1));
    if (!order_id_is_valid(id))
        findings_report(&f->findings, list->key, CHECK_USER,
                        "it holds what is no order's id: %.60s", id);
    else if (!rds_str(rds_at(order, 0)))
        f->n_user_expired++;
    else if (!owner || strlen(owner) != list->user_len ||
             strncmp(owner, list->user, list->user_len) != 0)
        findings_report(&f->findings, list->key, CHECK_USER, "%s is the order of user %.60s", id,
                        owner ? owner : "(none)");
}

static void check_user_list(struct fsck *f, const struct user_list *list)
{
    struct redis_command cmd;
    command_key_list(&cmd, list->key);
    struct redisReply *ids = rds_sync_call(f->redis, &cmd);
    if (!ids) {
        walk_report_type(f, list->key);
        return;
    }
    for (size_t i = 0; i < rds_len(ids); i++) {
        command_job_fields(&cmd, walk_item(ids, i), "id", "user_id");
        rds_sync_queue(f->redis, &cmd);
    }
    for (size_t i = 0; i < rds_len(ids); i++) {
        struct redisReply *order = redis_next(f->redis);
        check_user_order(f, list, walk_item(ids, i), order);
        rds_sync_free(order);
    }
    f->n_user_lists++;
    rds_sync_free(ids);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void on_keys(struct fsck *f, const struct redisReply *keys)
{
    walk_ledger_page(f, keys);
    on_idem(f, keys);
    for (size_t i = 0; i < rds_len(keys); i++) {
        struct user_list list = {.key = walk_item(keys, i)};
        enum key_kind kind = key_kind(list.key, &list.user, &list.user_len);
        if (kind == KEY_KIND_ACTIVE)
            names_add(&f->workers, list.user);
        else if (kind == KEY_KIND_USER_ORDERS)
            check_user_list(f, &list);
    }
}

void walk_side_tables(struct fsck *f)
{
    walk_keys(f, SCAN_ALL, on_keys);
}
