#include "api/stats.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "api/memory.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"

#define ROUNDS_MAX 20 /* each fails only when a worker came or went at that very moment */

/* Answers come in any number; some bring further questions. The last one finishes. */
struct stats_query {
    LIST_ENTRY(stats_query) link;
    struct stats stats;
    stats_fn fn; /* NULL once cancelled */
    void *arg;
    int pending;
    int rounds; /* store_stats found other workers than store_workers had told */
    int has_failed;
};

static LIST_HEAD(stats_query_list, stats_query) all = LIST_HEAD_INITIALIZER(all);
static int64_t started_ms;

/* ---- answers -------------------------------------------------------------------------------- */

/* To be passed with each command: counts it. */
static struct stats_query *asking(struct stats_query *query)
{
    query->pending++;
    return query;
}

/* Every callback begins with this: false = the answer is useless. */
static int arrived(struct stats_query *query, const struct rds_result *result)
{
    query->pending--;
    if (result->outcome != RDS_OK)
        query->has_failed = 1;
    return result->outcome == RDS_OK;
}

/* And ends with this: query may be gone. */
static void finish_if_last(struct stats_query *query)
{
    if (query->pending > 0)
        return;
    LIST_REMOVE(query, link);
    if (query->fn)
        query->fn(query->arg, query->has_failed ? NULL : &query->stats);
    free(query);
}

static int64_t number(const struct redisReply *reply)
{
    int64_t n = 0;
    (void)rds_int(reply, &n);
    return n;
}

static void on_counts(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    struct stats *f = &query->stats;
    if (arrived(query, result)) {
        const struct {
            const char *name;
            int64_t *to;
        } FIELDS[] = {
            {"delivered", &f->delivered},           {"cancelled", &f->cancelled},
            {"payment_failed", &f->payment_failed}, {"orders_forgotten", &f->forgotten},
            {"chat_messages", &f->chat_messages},
        };
        for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++)
            *FIELDS[i].to = text_to_int_or(rds_field(result->reply, FIELDS[i].name), 0);
    }
    finish_if_last(query);
}

static void on_last_minute(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result))
        query->stats.placed_last_minute = number(result->reply);
    finish_if_last(query);
}

static void on_oldest_created(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result)) {
        int64_t created_ms = clock_parse_rfc3339(rds_str(result->reply));
        int64_t age_ms = created_ms > 0 ? rds_now_ms(api.rds) - created_ms : 0;
        query->stats.oldest_ready_ms = age_ms > 0 ? age_ms : 0;
    }
    finish_if_last(query);
}

static void on_oldest(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result)) {
        const char *id = rds_str(rds_at(result->reply, 0));
        if (id)
            store_job_created_at(api.rds, id, on_oldest_created, asking(query));
    }
    finish_if_last(query);
}

static void on_workers_alive(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result))
        query->stats.workers = number(result->reply);
    finish_if_last(query);
}

static void on_workers(void *arg, const struct rds_result *result);

static void on_stats(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result)) {
        int err = store_stats_parse(result->reply, &query->stats.queue);
        if (err == -EAGAIN && query->rounds++ < ROUNDS_MAX)
            store_workers(api.rds, on_workers, asking(query));
        else if (err)
            query->has_failed = 1;
    }
    finish_if_last(query);
}

static void on_workers(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result)) {
        const char **workers = mem_calloc(rds_len(result->reply) + 1, sizeof *workers);
        size_t n = 0;
        for (size_t i = 0; i < rds_len(result->reply); i++) {
            workers[n] = rds_str(rds_at(result->reply, i));
            n += workers[n] != NULL;
        }
        query->stats.workers = 0;
        if (n > 0)
            store_workers_alive(api.rds, workers, n, on_workers_alive, asking(query));
        store_stats(api.rds, workers, n, on_stats, asking(query));
        free(workers);
    }
    finish_if_last(query);
}

static void on_process(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result))
        process_metrics_add(&query->stats.counted, result->reply);
    finish_if_last(query);
}

static void on_processes(void *arg, const struct rds_result *result)
{
    struct stats_query *query = arg;
    if (arrived(query, result)) {
        query->stats.processes = (int64_t)rds_len(result->reply);
        for (size_t i = 0; i < rds_len(result->reply); i++) {
            const char *process = rds_str(rds_at(result->reply, i));
            if (process)
                store_process_metrics(api.rds, process, on_process, asking(query));
        }
    }
    finish_if_last(query);
}

/* ---- questions ------------------------------------------------------------------------------ */

struct stats_query *stats_query(stats_fn fn, void *arg)
{
    struct stats_query *query = mem_calloc(1, sizeof *query);
    query->fn = fn;
    query->arg = arg;
    query->stats.memory = memory_now();
    query->stats.is_refusing = memory_is_full();
    LIST_INSERT_HEAD(&all, query, link);
    store_counts(api.rds, on_counts, asking(query));
    store_placed_since(api.rds, rds_now_ms(api.rds) - 60000, on_last_minute, asking(query));
    store_oldest_ready(api.rds, on_oldest, asking(query));
    store_workers(api.rds, on_workers, asking(query));
    store_processes(api.rds, on_processes, asking(query));
    return query;
}

void stats_query_cancel(struct stats_query *query)
{
    query->fn = NULL;
}

void stats_stop(void)
{
    struct stats_query *query;
    while ((query = LIST_FIRST(&all))) {
        LIST_REMOVE(query, link);
        free(query);
    }
}

/* ---- on the wire ---------------------------------------------------------------------------- */

void stats_set_start(void)
{
    started_ms = clock_mono_ms();
}

static void add_number(struct json_object *object, const char *name, int64_t value)
{
    json_object_object_add(object, name, json_object_new_int64(value));
}

struct json_object *stats_view(const struct stats *f)
{
    static const struct stats UNKNOWN;
    const char *status = f && f->workers > 0 && !f->is_refusing ? "ok" : "degraded";
    const char *redis = f ? "up" : "down";
    struct json_object *body = json_object_new_object(), *orders = json_object_new_object();
    struct json_object *jobs = json_object_new_object(), *live = json_object_new_object();
    struct json_object *memory = json_object_new_object();

    if (!f)
        f = &UNKNOWN;
    json_object_object_add(body, "status", json_object_new_string(status));
    json_object_object_add(body, "version", json_object_new_string(TIFFIN_VERSION));
    add_number(body, "uptime_s", (clock_mono_ms() - started_ms) / 1000);
    json_object_object_add(body, "redis", json_object_new_string(redis));
    add_number(body, "workers", f->workers);
    add_number(orders, "placed", f->queue.placed);
    add_number(orders, "active", f->queue.placed - f->queue.settled);
    add_number(orders, "delivered", f->delivered);
    json_object_object_add(body, "orders", orders);
    add_number(jobs, "ready", f->queue.ready);
    add_number(jobs, "active", f->queue.active);
    add_number(jobs, "delayed", f->queue.delayed);
    add_number(jobs, "dead", f->queue.dead);
    add_number(jobs, "oldest_ready_ms", f->oldest_ready_ms);
    json_object_object_add(jobs, "paused", json_object_new_boolean(f->queue.is_paused != 0));
    json_object_object_add(body, "jobs", jobs);
    add_number(live, "sse", f->counted.values[M_SSE]);
    add_number(live, "ws", f->counted.values[M_WS]);
    json_object_object_add(body, "live", live);
    add_number(memory, "used_bytes", f->memory.used_bytes);
    add_number(memory, "max_bytes", f->memory.max_bytes);
    json_object_object_add(memory, "refusing_orders", json_object_new_boolean(f->is_refusing));
    json_object_object_add(body, "memory", memory);
    return body;
}
