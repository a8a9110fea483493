/* A walk, one command at a time:
 *
 *   INFO --short, or a minute is over--> oldest --> release --any settled--> ledger --> forget
 *    ^                                    ^  |none, not         |none                     |
 *    |                                    |  |our turn: end     |                         |
 *    |                                    +--|------------------+                         |
 *    +---------------------------------------|--------------------------------------------+
 *
 * Unsettled orders at the old end are stepped over by their number, so a walk meets each once. When
 * it has come to the end and memory is still short, what fills it cannot go yet: the next walk
 * begins in the next round, or after a rest when this one was long. */
#include "worker/retention.h"

#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/where.h"
#include "order/memory.h"
#include "worker/worker.h"

#define ROUND_S 1.0
#define EXPIRED_ROUNDS 60 /* between two walks for what has expired */
#define REST_ORDERS 10000 /* stepped over in one walk: a round of rest before the next */
#define TURN_MS \
    2000 /* the lease of the worker that walks: one that was killed holds it no longer */
/* A request may send its order again, under the same id, until its deadline. Until then the order
 * must be there, or it would be placed twice. */
#define REPEAT_MARGIN_MS 1000

static void ask_oldest(struct worker *w);
static void ask_memory(struct worker *w);

static void end_walk(struct retention *t)
{
    t->n_stay = 0;
}

/* True when there is an answer to go on with; ends the walk otherwise. */
static int answered(struct worker *w, const struct rds_result *result)
{
    struct retention *t = &w->retention;
    t->cmd = NULL;
    if (result->outcome == RDS_OK) {
        t->is_refused = 0;
        return 1;
    }
    if (result->outcome == RDS_ERROR && !t->is_refused) {
        log_warn("Redis does not let old orders go, trying on: %s", result->text);
        t->is_refused = 1;
    }
    end_walk(t);
    return 0;
}

/* ---- one batch ------------------------------------------------------------------------------- */

static size_t batch_ids(const struct retention *t, const char *ids[STORE_BATCH_MAX])
{
    for (size_t i = 0; i < t->n_batch; i++)
        ids[i] = t->batch[i];
    return t->n_batch;
}

static void on_forgotten(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    int64_t n = 0;
    if (!answered(w, result))
        return;
    (void)rds_int(rds_at(result->reply, 1), &n);
    w->retention.n_forgotten += n;
    ask_memory(w);
}

static void forget(struct worker *w)
{
    const char *ids[STORE_BATCH_MAX];
    size_t n = batch_ids(&w->retention, ids);
    w->retention.cmd = store_forget(w->retention.rds, ids, n, on_forgotten, w);
}

static void on_ledger(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    if (answered(w, result))
        forget(w);
}

/* ["released", how many stay, payment key, ...] */
static void on_released(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct retention *t = &w->retention;
    const char *keys[STORE_BATCH_MAX];
    size_t n_keys = 0;
    int64_t n_stay;
    if (!answered(w, result))
        return;
    if (rds_int(rds_at(result->reply, 1), &n_stay) || n_stay < 0) {
        end_walk(t);
        return;
    }
    for (size_t i = 2; i < rds_len(result->reply) && n_keys < STORE_BATCH_MAX; i++) {
        const char *key = rds_str(rds_at(result->reply, i));
        if (key)
            keys[n_keys++] = key;
    }
    t->n_stay += (size_t)n_stay;
    if (n_keys)
        t->cmd = payment_gateway_forget(w->gateway, keys, n_keys, on_ledger, w);
    else if (t->is_short && (size_t)n_stay < t->n_batch)
        forget(w);
    else
        ask_oldest(w);
}

static void on_oldest(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct retention *t = &w->retention;
    const char *ids[STORE_BATCH_MAX];
    if (!answered(w, result))
        return;
    t->n_batch = 0;
    for (size_t i = 1; i < rds_len(result->reply) && t->n_batch < STORE_BATCH_MAX; i++) {
        const char *id = rds_str(rds_at(result->reply, i));
        if (id && text_copy(t->batch[t->n_batch], ORDER_ID_SIZE, id) == 0)
            t->n_batch++;
        else
            t->n_stay++; /* no order of ours: fsck's business */
    }
    if (t->n_batch) {
        size_t n = batch_ids(t, ids);
        t->cmd = store_release(t->rds, t->is_short, &(struct id_list){ids, n}, on_released, w);
        return;
    }
    if (t->is_short && strcmp(store_word(result->reply), "oldest") == 0)
        t->rest_until = t->n_rounds + (int64_t)t->n_stay / REST_ORDERS;
    end_walk(t);
}

static void ask_oldest(struct worker *w)
{
    struct retention *t = &w->retention;
    int64_t age_ms = t->is_short ? conf.request_timeout_ms + REPEAT_MARGIN_MS
                                 : (int64_t)conf.retention_days * 86400000;
    const struct oldest_request oldest = {w->id, TURN_MS, t->n_stay, age_ms, t->is_short};
    t->cmd = store_oldest(t->rds, &oldest, on_oldest, w);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void set_short(struct retention *t, int is_short)
{
    if (is_short == t->is_short)
        return;
    t->is_short = is_short;
    if (is_short)
        log_warn("Redis uses over %d %% of its memory: settled orders go, the oldest first",
                 MEMORY_SHORT_PCT);
    else
        log_info("Redis has room again; of the orders let go, this worker did %lld",
                 (long long)t->n_forgotten);
    t->n_forgotten = 0;
    t->rest_until = 0;
    end_walk(t);
}

static void on_memory(void *arg, const struct rds_result *result)
{
    struct worker *w = arg;
    struct retention *t = &w->retention;
    struct memory memory;
    if (!answered(w, result) || memory_parse(rds_str(result->reply), &memory))
        return;
    set_short(t, memory_is_over(&memory, t->is_short ? MEMORY_ENOUGH_PCT : MEMORY_SHORT_PCT));
    if (t->is_short ? t->n_rounds >= t->rest_until : t->n_rounds % EXPIRED_ROUNDS == 0)
        ask_oldest(w);
}

static void ask_memory(struct worker *w)
{
    w->retention.cmd = store_info(w->retention.rds, "memory", on_memory, w);
}

static void on_round(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    struct worker *w = timer->data;
    w->retention.n_rounds++;
    if (!w->retention.cmd && rds_is_up(w->retention.rds))
        ask_memory(w);
}

void retention_start(struct worker *w)
{
    struct rds_options options = {.finder = where(w->loop, conf.redis),
                                  .user = "worker",
                                  .client_name = "tiffin-retention",
                                  .timeout_ms = conf.redis_timeout_ms};
    w->retention.rds = rds_new(w->loop, &options);
    ev_timer_init(&w->retention.timer, on_round, ROUND_S, ROUND_S);
    w->retention.timer.data = w;
    ev_timer_start(w->loop, &w->retention.timer);
}

void retention_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->retention.timer);
    rds_cancel(w->retention.cmd);
    w->retention.cmd = NULL;
    rds_free(w->retention.rds);
}
