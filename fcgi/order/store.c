/* One function, one command. The order of keys and arguments is the one written at the head of
 * each function in redis/functions/tiffin.lua. */
#include "order/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"
#include "order/chat.h"
#include "order/keys.h"

#define KEY_SIZE 256 /* longest: idem:{s00}: and 128 characters */
#define FINGERPRINT_HEX 32
#define EVENTS_BATCH "1000"

struct key {
    char text[KEY_SIZE];
};
/* These return by value: the text lives as long as the caller's full expression or variable
 * (C11 6.2.4p8). Callers bound ids to 128 characters; what is longer would be cut. */
static struct key key_of(const char *prefix, const char *id)
{
    struct key k;
    snprintf(k.text, sizeof k.text, "%s%.128s", prefix, id);
    return k;
}

static struct key user_orders_key(const char *id)
{
    struct key k;
    snprintf(k.text, sizeof k.text, KEY_USER_PREFIX "%.128s" KEY_USER_ORDERS_SUFFIX, id);
    return k;
}

static struct key job_key(const char *id)
{
    return key_of(job_is_update(id) ? KEY_UPDATE_PREFIX : KEY_ORDER_PREFIX, id);
}

const char *store_word(const struct redisReply *reply)
{
    const char *word = rds_str(rds_at(reply, 0));
    return word ? word : "";
}

static int word_is(const struct redisReply *reply, const char *word)
{
    return strcmp(store_word(reply), word) == 0;
}

/* ---- new work ------------------------------------------------------------------------------ */

/* What must be the same when an Idempotency-Key comes again: a hash of kind and parameters. The
 * parts cannot hold a control character, so \n separates them. Frees the text. */
static void fingerprint(char *text, char out[65])
{
    sha256_hex(text, strlen(text), out);
    out[FINGERPRINT_HEX] = '\0';
    free(text);
}

struct rds_cmd *store_place(struct rds *r, const struct order_request *order, rds_reply_fn fn,
                            void *arg)
{
    char mark[65] = "";
    if (*order->idempotency_key)
        fingerprint(mem_printf("order\n%s\n%s\n%d\n%s", order->restaurant_id, order->item,
                               order->quantity, order->user_id),
                    mark);
    struct key order_key = key_of(KEY_ORDER_PREFIX, order->id);
    struct key restaurant = key_of(KEY_RESTAURANT_PREFIX, order->restaurant_id);
    struct key user = key_of(KEY_USER_PREFIX, order->user_id);
    struct key user_orders = user_orders_key(order->user_id);
    struct key idem = key_of(KEY_IDEM_PREFIX, order->idempotency_key);
    return rds_call(r, fn, arg, "FCALL", FN_PLACE, "9", order_key.text, KEY_READY, KEY_INDEX,
                    KEY_COUNT, KEY_EVENTS, restaurant.text, user.text, user_orders.text, idem.text,
                    order->id, order->restaurant_id, order->item,
                    text_of_number(order->quantity).text, order->user_id, mark,
                    text_of_number(order->deadline_ms).text);
}

int store_place_parse(const struct redisReply *reply, enum place_outcome *ret,
                      char ret_id[ORDER_ID_SIZE])
{
    static const struct {
        const char *word;
        enum place_outcome outcome;
    } WORDS[] = {
        {"placed", PLACE_DONE},     {"accepted", PLACE_DONE},
        {"replay", PLACE_REPLAY},   {"mismatch", PLACE_MISMATCH},
        {"late", PLACE_LATE},       {"no_restaurant", PLACE_NO_RESTAURANT},
        {"no_item", PLACE_NO_ITEM}, {"no_user", PLACE_NO_USER},
        {"full", PLACE_FULL},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (!word_is(reply, WORDS[i].word))
            continue;
        if (WORDS[i].outcome == PLACE_DONE || WORDS[i].outcome == PLACE_REPLAY) {
            const char *id = rds_str(rds_at(reply, 1));
            if (!id || text_copy(ret_id, ORDER_ID_SIZE, id))
                return -EPROTO;
        }
        *ret = WORDS[i].outcome;
        return 0;
    }
    return -EPROTO;
}

struct rds_cmd *store_accept_update(struct rds *r, const struct update_request *update,
                                    rds_reply_fn fn, void *arg)
{
    char mark[65] = "";
    if (*update->idempotency_key)
        fingerprint(mem_printf("update\n%s", update->message), mark);
    struct key key = key_of(KEY_UPDATE_PREFIX, update->id);
    struct key idem = key_of(KEY_IDEM_PREFIX, update->idempotency_key);
    return rds_call(
        r, fn, arg, "FCALL", FN_ACCEPT_UPDATE, "6", key.text, KEY_READY, KEY_DELAYED, KEY_COUNT,
        idem.text, KEY_DEAD, update->id, update->message, text_of_number(update->delay_ms).text,
        mark, text_of_number(update->deadline_ms).text, text_of_number(UPDATES_PENDING_MAX).text);
}

struct rds_cmd *store_cancel(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_CANCEL, "2", key_of(KEY_ORDER_PREFIX, id).text,
                    KEY_EVENTS);
}

int store_cancel_parse(const struct redisReply *reply, enum cancel_outcome *ret)
{
    if (word_is(reply, "cancelled"))
        *ret = CANCEL_DONE;
    else if (word_is(reply, "not_found"))
        *ret = CANCEL_NOT_FOUND;
    else if (word_is(reply, "too_late"))
        *ret = CANCEL_TOO_LATE;
    else
        return -EPROTO;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct rds_cmd *store_order(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HGETALL", key_of(KEY_ORDER_PREFIX, id).text);
}

struct rds_cmd *store_order_brief(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HMGET", key_of(KEY_ORDER_PREFIX, id).text, "item", "restaurant",
                    "status", "created_at");
}

struct rds_cmd *store_restaurants(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "LRANGE", KEY_RESTAURANTS, "0", "-1");
}

struct rds_cmd *store_restaurant_info(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HMGET", key_of(KEY_RESTAURANT_PREFIX, id).text, "id", "name",
                    "cuisine", "rating");
}

struct rds_cmd *store_restaurant_menu(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HMGET", key_of(KEY_RESTAURANT_PREFIX, id).text, "menu",
                    "currency");
}

struct rds_cmd *store_restaurant_reviews(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HMGET", key_of(KEY_RESTAURANT_PREFIX, id).text, "reviews");
}

struct rds_cmd *store_user(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HGETALL", key_of(KEY_USER_PREFIX, id).text);
}

struct rds_cmd *store_user_orders(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "LRANGE", user_orders_key(id).text, "0", "-1");
}

/* ---- events -------------------------------------------------------------------------------- */

struct rds_cmd *store_events_last(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "XREVRANGE", KEY_EVENTS, "+", "-", "COUNT", "1");
}

struct rds_cmd *store_events_wait(struct rds *r, const char *last_id, int block_ms, rds_reply_fn fn,
                                  void *arg)
{
    return rds_call(r, fn, arg, "XREAD", "COUNT", EVENTS_BATCH, "BLOCK",
                    text_of_number(block_ms).text, "STREAMS", KEY_EVENTS, last_id);
}

const struct redisReply *store_events_entries(const struct redisReply *reply)
{
    return rds_at(rds_at(reply, 0), 1); /* [[stream, [[id, fields], …]]] */
}

/* ---- worker -------------------------------------------------------------------------------- */

static const char *const STEP_NAMES[STEP_COUNT] = {
    [STEP_PAYMENT] = "payment",
    [STEP_KITCHEN] = "kitchen",
    [STEP_PREPARING_FOOD] = "preparing_food",
    [STEP_QUALITY_CHECK] = "quality_check",
    [STEP_OUT_FOR_DELIVERY] = "out_for_delivery",
    [STEP_DELIVERED] = "delivered",
    [STEP_REFUND] = "refund",
    [STEP_BROADCAST] = "broadcast",
};

const char *job_step_name(enum job_step step)
{
    return STEP_NAMES[step];
}

int job_step_parse(const char *name)
{
    for (int i = 0; name && i < STEP_COUNT; i++)
        if (strcmp(STEP_NAMES[i], name) == 0)
            return i;
    return -1;
}

static struct key active_key(const char *worker)
{
    return key_of(KEY_ACTIVE_PREFIX, worker);
}

static struct key heartbeat_key(const char *worker)
{
    return key_of(KEY_WORKER_PREFIX, worker);
}

struct rds_cmd *store_beat(struct rds *r, const char *worker, int ttl_ms, rds_reply_fn fn,
                           void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_BEAT, "4", KEY_WORKERS, heartbeat_key(worker).text,
                    KEY_PULSE, KEY_DELAYED, worker, text_of_number(ttl_ms).text);
}

struct rds_cmd *store_clock_set(struct rds *r, int64_t agreed_ms, int64_t by_ms, rds_reply_fn fn,
                                void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_CLOCK_SET, "2", KEY_PULSE, KEY_DELAYED,
                    text_of_number(agreed_ms).text, text_of_number(by_ms).text);
}

struct rds_cmd *store_take(struct rds *r, const char *worker, int n, int64_t now_ms,
                           rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_TAKE, "5", KEY_READY, active_key(worker).text,
                    KEY_DELAYED, KEY_WORKERS, KEY_PAUSED, worker, text_of_number(n).text,
                    text_of_number(now_ms).text);
}

struct rds_cmd *store_wait_ready(struct rds *r, int block_s, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "BLMOVE", KEY_READY, KEY_READY, "RIGHT", "RIGHT",
                    text_of_number(block_s).text);
}

struct rds_cmd *store_begin(struct rds *r, const char *worker, const char *id, rds_reply_fn fn,
                            void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_BEGIN, "4", job_key(id).text, active_key(worker).text,
                    KEY_DEAD, KEY_EVENTS, id);
}

static int copy_text(const struct redisReply *reply, char *out, size_t size)
{
    const char *text = rds_str(reply);
    return text && text_copy(out, size, text) == 0 ? 0 : -EPROTO;
}

int store_begin_parse(const struct redisReply *reply, struct job_begun *ret,
                      const char **ret_reason)
{
    const char *reason = rds_str(rds_at(reply, 1));
    if (word_is(reply, "gone"))
        return -ESTALE;
    if (word_is(reply, "dead") && reason) {
        *ret_reason = reason;
        return -ETIME;
    }
    int64_t tries;
    if (!word_is(reply, "begun") || rds_int(rds_at(reply, 1), &ret->epoch) ||
        rds_int(rds_at(reply, 3), &tries))
        return -EPROTO;
    ret->tries = (int)tries;
    int step = job_step_parse(rds_str(rds_at(reply, 2)));
    const char *status = rds_str(rds_at(reply, 4));
    if (step < 0 || !status || rds_int(rds_at(reply, 5), &ret->amount_cents) ||
        copy_text(rds_at(reply, 6), ret->currency, sizeof ret->currency) ||
        copy_text(rds_at(reply, 7), ret->payment_key, sizeof ret->payment_key))
        return -EPROTO;
    ret->step = (enum job_step)step;
    ret->is_cancelled = order_status_parse(status) == ORDER_CANCELLED;
    return 0;
}

struct rds_cmd *store_intent(struct rds *r, const char *worker, const char *id, int64_t epoch,
                             const char *proposed_key, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_INTENT, "2", job_key(id).text, active_key(worker).text,
                    id, text_of_number(epoch).text, proposed_key);
}

int store_intent_parse(const struct redisReply *reply, char ret_key[PAYMENT_KEY_SIZE])
{
    if (word_is(reply, "fenced"))
        return -ESTALE;
    if (word_is(reply, "cancelled"))
        return -ECANCELED;
    if (!word_is(reply, "ok"))
        return -EPROTO;
    return copy_text(rds_at(reply, 1), ret_key, PAYMENT_KEY_SIZE);
}

struct rds_cmd *store_step(struct rds *r, const char *worker, const char *id,
                           const struct step_done *done, rds_reply_fn fn, void *arg)
{
    int64_t keep_seconds = (int64_t)conf.retention_days * 86400;
    return rds_call(r, fn, arg, "FCALL", FN_STEP, "7", job_key(id).text, active_key(worker).text,
                    KEY_READY, KEY_DELAYED, KEY_EVENTS, KEY_COUNT, KEY_FACTS, id,
                    text_of_number(done->epoch).text, STEP_NAMES[done->step], done->result,
                    text_of_number(done->wait_ms).text, text_of_number(keep_seconds).text);
}

int store_step_parse(const struct redisReply *reply, struct step_next *ret)
{
    if (word_is(reply, "fenced"))
        return -ESTALE;
    if (word_is(reply, "settled")) {
        ret->fate = FATE_SETTLED;
        return 0;
    }
    int step = job_step_parse(rds_str(rds_at(reply, 2)));
    if (step < 0)
        return -EPROTO;
    ret->step = (enum job_step)step;
    if (word_is(reply, "delayed")) {
        ret->fate = FATE_DELAYED;
        return 0;
    }
    if (!word_is(reply, "held") || rds_int(rds_at(reply, 3), &ret->epoch))
        return -EPROTO;
    ret->fate = FATE_HELD;
    return 0;
}

struct rds_cmd *store_fail(struct rds *r, const char *worker, const char *id, int64_t epoch,
                           int wait_ms, int tries_allowed, const char *reason, rds_reply_fn fn,
                           void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_FAIL, "5", job_key(id).text, active_key(worker).text,
                    KEY_DELAYED, KEY_DEAD, KEY_EVENTS, id, text_of_number(epoch).text,
                    text_of_number(wait_ms).text, text_of_number(tries_allowed).text, reason);
}

struct rds_cmd *store_publish_update(struct rds *r, const char *worker, const char *id,
                                     int64_t epoch, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_PUBLISH_UPDATE, "4", job_key(id).text,
                    active_key(worker).text, KEY_COUNT, KEY_CHAT_LOG, id,
                    text_of_number(epoch).text, CHANNEL_CHAT, text_of_number(CHAT_KEPT).text);
}

struct rds_cmd *store_active(struct rds *r, const char *worker, int limit, rds_reply_fn fn,
                             void *arg)
{
    /* Claims are pushed left, so the oldest stand at the right. */
    return rds_call(r, fn, arg, "LRANGE", active_key(worker).text,
                    limit < 0 ? "0" : text_of_number(-limit).text, "-1");
}

struct rds_cmd *store_workers(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "SMEMBERS", KEY_WORKERS);
}

/* The head of a command and a key of each worker. */
static struct rds_cmd *call_with_workers(struct rds *r, size_t n_head, const char *const head[],
                                         struct key (*key)(const char *worker),
                                         const char *const workers[], size_t n, rds_reply_fn fn,
                                         void *arg)
{
    struct key *keys = mem_calloc(n + 1, sizeof *keys);
    const char **argv = mem_calloc(n_head + n, sizeof *argv);
    memcpy(argv, head, n_head * sizeof *argv);
    for (size_t i = 0; i < n; i++) {
        keys[i] = key(workers[i]);
        argv[n_head + i] = keys[i].text;
    }
    struct rds_cmd *cmd = rds_callv(r, fn, arg, n_head + n, argv);
    free(argv);
    free(keys);
    return cmd;
}

struct rds_cmd *store_workers_alive(struct rds *r, const char *const workers[], size_t n,
                                    rds_reply_fn fn, void *arg)
{
    static const char *const HEAD[] = {"EXISTS"};
    return call_with_workers(r, 1, HEAD, heartbeat_key, workers, n, fn, arg);
}

/* FCALL name <fixed keys> <job keys> <arguments> <ids>: what reap, leave, release and forget
 * share. */
static struct rds_cmd *call_with_jobs(struct rds *r, const char *name, const char *const fixed[],
                                      size_t n_fixed, const char *const args[], size_t n_args,
                                      const char *const ids[], size_t n, rds_reply_fn fn, void *arg)
{
    const char *argv[3 + 8 + 4 + 2 * STORE_BATCH_MAX];
    struct key keys[STORE_BATCH_MAX];
    size_t argc = 0;
    if (n > STORE_BATCH_MAX)
        n = STORE_BATCH_MAX;
    struct text_number n_keys = text_of_number((int64_t)(n_fixed + n));
    argv[argc++] = "FCALL";
    argv[argc++] = name;
    argv[argc++] = n_keys.text;
    for (size_t i = 0; i < n_fixed; i++)
        argv[argc++] = fixed[i];
    for (size_t i = 0; i < n; i++) {
        keys[i] = job_key(ids[i]);
        argv[argc++] = keys[i].text;
    }
    for (size_t i = 0; i < n_args; i++)
        argv[argc++] = args[i];
    for (size_t i = 0; i < n; i++)
        argv[argc++] = ids[i];
    return rds_callv(r, fn, arg, argc, argv);
}

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

struct rds_cmd *store_reap(struct rds *r, const char *dead_worker, int64_t now_ms,
                           const char *const ids[], size_t n, rds_reply_fn fn, void *arg)
{
    struct key heartbeat = heartbeat_key(dead_worker), active = active_key(dead_worker);
    struct text_number crashes = text_of_number(CRASHES_ALLOWED), now = text_of_number(now_ms);
    struct text_number ttl = text_of_number(conf.worker_ttl_ms);
    const char *fixed[] = {KEY_WORKERS, heartbeat.text, active.text, KEY_READY,
                           KEY_DEAD,    KEY_EVENTS,     KEY_PULSE};
    const char *args[] = {dead_worker, crashes.text, ttl.text, now.text};
    return call_with_jobs(r, FN_REAP, fixed, COUNT_OF(fixed), args, COUNT_OF(args), ids, n, fn,
                          arg);
}

struct rds_cmd *store_leave(struct rds *r, const char *worker, const char *const ids[], size_t n,
                            rds_reply_fn fn, void *arg)
{
    struct key heartbeat = heartbeat_key(worker), active = active_key(worker);
    const char *fixed[] = {KEY_WORKERS, heartbeat.text, active.text, KEY_READY};
    return call_with_jobs(r, FN_LEAVE, fixed, COUNT_OF(fixed), &worker, 1, ids, n, fn, arg);
}

/* ---- room ---------------------------------------------------------------------------------- */

struct rds_cmd *store_oldest(struct rds *r, const char *worker, int turn_ms, size_t first,
                             int64_t age_ms, int is_short, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_OLDEST, "4", KEY_RETENTION, KEY_INDEX, KEY_EVENTS,
                    KEY_CHAT_LOG, worker, text_of_number(turn_ms).text,
                    text_of_number((int64_t)first).text, text_of_number(STORE_BATCH_MAX).text,
                    text_of_number(age_ms).text, is_short ? "1" : "0");
}

struct rds_cmd *store_release(struct rds *r, int is_short, const char *const ids[], size_t n,
                              rds_reply_fn fn, void *arg)
{
    static const char *const FIXED[] = {KEY_INDEX};
    const char *shortness = is_short ? "1" : "0";
    return call_with_jobs(r, FN_RELEASE, FIXED, 1, &shortness, 1, ids, n, fn, arg);
}

struct rds_cmd *store_forget(struct rds *r, const char *const ids[], size_t n, rds_reply_fn fn,
                             void *arg)
{
    static const char *const FIXED[] = {KEY_INDEX, KEY_COUNT};
    return call_with_jobs(r, FN_FORGET, FIXED, 2, NULL, 0, ids, n, fn, arg);
}

/* ---- the simulated gateway's ledger --------------------------------------------------------- */

struct rds_cmd *store_gateway_charge(struct rds *r, const struct charge *charge,
                                     const char *outcome, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_GATEWAY_CHARGE, "1",
                    key_of(KEY_GATEWAY_PREFIX, charge->payment_key).text,
                    text_of_number(charge->amount_cents).text, charge->currency, outcome,
                    text_of_number(charge->deadline_ms).text);
}

struct rds_cmd *store_gateway_refund(struct rds *r, const char *payment_key, rds_reply_fn fn,
                                     void *arg)
{
    return rds_call(r, fn, arg, "FCALL", FN_GATEWAY_REFUND, "1",
                    key_of(KEY_GATEWAY_PREFIX, payment_key).text);
}

struct rds_cmd *store_gateway_forget(struct rds *r, const char *const payment_keys[], size_t n,
                                     rds_reply_fn fn, void *arg)
{
    const char *argv[3 + STORE_BATCH_MAX] = {"FCALL", FN_GATEWAY_FORGET};
    struct key keys[STORE_BATCH_MAX];
    if (n > STORE_BATCH_MAX)
        n = STORE_BATCH_MAX;
    struct text_number n_keys = text_of_number((int64_t)n);
    argv[2] = n_keys.text;
    for (size_t i = 0; i < n; i++) {
        keys[i] = key_of(KEY_GATEWAY_PREFIX, payment_keys[i]);
        argv[3 + i] = keys[i].text;
    }
    return rds_callv(r, fn, arg, 3 + n, argv);
}

/* ---- health and figures --------------------------------------------------------------------- */

struct rds_cmd *store_library_version(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "FCALL_RO", FN_LIBRARY_VERSION, "0");
}

int store_library_version_ok(const struct redisReply *reply)
{
    const char *version = rds_str(reply);
    return version && strcmp(version, LIBRARY_VERSION) == 0;
}

struct rds_cmd *store_info(struct rds *r, const char *section, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "INFO", section);
}

struct rds_cmd *store_counts(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HGETALL", KEY_COUNT);
}

struct rds_cmd *store_stats(struct rds *r, const char *const workers[], size_t n, rds_reply_fn fn,
                            void *arg)
{
    struct text_number n_keys = text_of_number((int64_t)n + 6);
    const char *head[] = {"FCALL_RO",  FN_STATS, n_keys.text, KEY_COUNT, KEY_READY,
                          KEY_DELAYED, KEY_DEAD, KEY_WORKERS, KEY_PAUSED};
    return call_with_workers(r, sizeof head / sizeof head[0], head, active_key, workers, n, fn,
                             arg);
}

int store_stats_parse(const struct redisReply *reply, struct store_stats *ret)
{
    if (word_is(reply, "changed"))
        return -EAGAIN;
    int64_t *const TO[] = {&ret->placed, &ret->settled,  &ret->updates_pending,
                           &ret->ready,  &ret->active,   &ret->delayed,
                           &ret->dead,   &ret->is_paused};
    if (!word_is(reply, "stats"))
        return -EPROTO;
    for (size_t i = 0; i < sizeof TO / sizeof TO[0]; i++)
        if (rds_int(rds_at(reply, i + 1), TO[i]))
            return -EPROTO;
    return 0;
}

int64_t store_stats_violations(const struct store_stats *s)
{
    int64_t owed = s->placed - s->settled + s->updates_pending;
    int64_t there = s->ready + s->active + s->delayed + s->dead;
    return owed > there ? owed - there : there - owed;
}

struct rds_cmd *store_placed_since(struct rds *r, int64_t since_ms, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "ZCOUNT", KEY_INDEX, text_of_number(since_ms).text, "+inf");
}

struct rds_cmd *store_oldest_ready(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "LRANGE", KEY_READY, "-1", "-1");
}

struct rds_cmd *store_job_created_at(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "HGET", job_key(id).text,
                    job_is_update(id) ? "accepted_at" : "created_at");
}

struct rds_cmd *store_processes(struct rds *r, rds_reply_fn fn, void *arg)
{
    return rds_call(r, fn, arg, "ZRANGEBYSCORE", KEY_PROCESSES,
                    text_of_number(rds_now_ms(r) - PROCESS_METRICS_TTL_MS).text, "+inf");
}

struct rds_cmd *store_process_metrics(struct rds *r, const char *process, rds_reply_fn fn,
                                      void *arg)
{
    return rds_call(r, fn, arg, "HGETALL", key_of(KEY_PROCESS_METRICS_PREFIX, process).text);
}

void store_process_metrics_write(struct rds *r, const char *process, size_t n,
                                 const char *const figures[])
{
    struct text_number ttl = text_of_number(PROCESS_METRICS_TTL_MS);
    struct key key = key_of(KEY_PROCESS_METRICS_PREFIX, process);
    const char *argv[256] = {"FCALL",  FN_LIVE_WRITE, "2",     KEY_PROCESSES,
                             key.text, process,       ttl.text};
    for (size_t i = 0; i < n; i++)
        argv[7 + i] = figures[i];
    rds_callv(r, NULL, NULL, n + 7, argv);
}
