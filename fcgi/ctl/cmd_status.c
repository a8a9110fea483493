/* status: how the system is, at one snapshot. */
#include <json-c/json.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/names.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"
#include "order/memory.h"
#include "order/store.h"

static void add_orders(struct json_object *document, const struct store_stats *s,
                       const struct redisReply *counts)
{
    struct json_object *orders = doc_add_object(document, "orders");
    json_add_int(orders, "placed", s->placed);
    json_add_int(orders, "active", s->placed - s->settled);
    json_add_int(orders, "settled", s->settled);
    json_add_int(orders, "delivered", rds_field_int_or(counts, "delivered", 0));
    json_add_int(orders, "payment_failed", rds_field_int_or(counts, "payment_failed", 0));
    json_add_int(orders, "cancelled", rds_field_int_or(counts, "cancelled", 0));
    json_add_int(orders, "forgotten", rds_field_int_or(counts, "orders_forgotten", 0));
    struct json_object *updates = doc_add_object(document, "updates");
    json_add_int(updates, "accepted", rds_field_int_or(counts, "updates_accepted", 0));
    json_add_int(updates, "published", rds_field_int_or(counts, "updates_published", 0));
    json_add_int(updates, "discarded", rds_field_int_or(counts, "updates_discarded", 0));
    json_add_int(updates, "pending", s->updates_pending);
}

static void add_jobs(struct json_object *document, const struct store_stats *s)
{
    struct json_object *jobs = doc_add_object(document, "jobs");
    json_add_int(jobs, "ready", s->ready);
    json_add_int(jobs, "active", s->active);
    json_add_int(jobs, "delayed", s->delayed);
    json_add_int(jobs, "dead", s->dead);
    struct json_object *invariant = doc_add_object(document, "invariant");
    json_add_bool(invariant, "holds", store_stats_violations(s) == 0);
    json_add_int(invariant, "violations", store_stats_violations(s));
    json_add_int(invariant, "expected", s->placed - s->settled + s->updates_pending);
    json_add_int(invariant, "found", s->ready + s->active + s->delayed + s->dead);
}

/* The time of the first in a sorted set of jobs; 0 when it is empty. */
static int64_t first_ms(struct rds_sync *redis, enum queue_kind kind)
{
    const struct queue_part part = {SHARD_HOME, kind, NULL};
    struct redis_command cmd;
    command_queue_range(&cmd, &part, 0, 0);
    struct redisReply *reply = redis_call(redis, &cmd);
    const char *score = rds_str(rds_at(reply, 1));
    int64_t ms = score ? (int64_t)strtod(score, NULL) : 0;
    rds_sync_free(reply);
    return ms;
}

/* When the job that is next in ready was created; 0 when there is none. */
static int64_t oldest_ready_ms(struct rds_sync *redis)
{
    const struct queue_part part = {SHARD_HOME, QUEUE_READY, NULL};
    struct redis_command cmd;
    command_queue_range(&cmd, &part, -1, -1);
    struct redisReply *reply = redis_call(redis, &cmd);
    const char *id = rds_str(rds_at(reply, 0));
    int64_t ms = 0;
    if (id) {
        struct redisReply *created = redis_ask_id(redis, command_job_created_at, id);
        ms = clock_parse_rfc3339(rds_str(created));
        rds_sync_free(created);
    }
    rds_sync_free(reply);
    return ms;
}

static void add_age(struct json_object *object, const char *name, int64_t since_ms, int64_t now_ms)
{
    if (since_ms > 0)
        json_add_int(object, name, now_ms > since_ms ? now_ms - since_ms : 0);
    else
        doc_add_null(object, name);
}

static void add_oldest(struct rds_sync *redis, struct json_object *document, int64_t now_ms)
{
    struct json_object *oldest = doc_add_object(document, "oldest");
    int64_t ready_ms = oldest_ready_ms(redis), due_ms = first_ms(redis, QUEUE_DELAYED);
    int64_t dead_ms = first_ms(redis, QUEUE_DEAD);
    doc_add_time(oldest, "ready_at", ready_ms);
    add_age(oldest, "ready_age_ms", ready_ms, now_ms);
    doc_add_time(oldest, "due_at", due_ms);
    doc_add_time(oldest, "dead_at", dead_ms);
    add_age(oldest, "dead_age_ms", dead_ms, now_ms);
}

static void add_workers(struct rds_sync *redis, struct json_object *document, int64_t now_ms)
{
    struct json_object *list = doc_add_array(document, "workers");
    struct names workers = {0};
    redis_workers(redis, &workers);
    for (size_t i = 0; i < workers.n; i++) {
        const struct queue_part active = {SHARD_HOME, QUEUE_ACTIVE, workers.items[i]};
        struct redis_command cmd;
        command_heartbeat(&cmd, SHARD_HOME, workers.items[i]);
        rds_sync_queue(redis, &cmd);
        command_queue_length(&cmd, &active);
        rds_sync_queue(redis, &cmd);
    }
    for (size_t i = 0; i < workers.n; i++) {
        struct redisReply *beat = redis_next(redis), *jobs = redis_next(redis);
        const char *at = rds_str(beat);
        struct json_object *row = json_object_new_object();
        doc_add_text(row, "id", workers.items[i]);
        json_add_bool(row, "alive", at != NULL);
        doc_add_text(row, "heartbeat_at", at);
        add_age(row, "heartbeat_age_ms", at ? clock_parse_rfc3339(at) : 0, now_ms);
        json_add_int(row, "jobs", rds_int_or(jobs, 0));
        json_object_array_add(list, row);
        rds_sync_free(beat);
        rds_sync_free(jobs);
    }
    names_release(&workers);
}

static void add_pause(struct rds_sync *redis, struct json_object *document)
{
    struct redisReply *since = redis_ask(redis, command_paused);
    json_add_bool(document, "paused", rds_str(since) != NULL);
    doc_add_text(document, "paused_at", rds_str(since));
    rds_sync_free(since);
}

static void add_memory(struct rds_sync *redis, struct json_object *document)
{
    struct memory m = {0, 0};
    struct redis_command cmd;
    command_info(&cmd, "memory");
    struct redisReply *info = redis_call(redis, &cmd);
    (void)memory_parse(rds_str(info), &m);
    struct json_object *memory = doc_add_object(document, "memory");
    json_add_int(memory, "used_bytes", m.used_bytes);
    json_add_int(memory, "max_bytes", m.max_bytes);
    json_add_bool(memory, "refusing_orders", memory_is_over(&m, MEMORY_FULL_PCT));
    rds_sync_free(info);
}

static void add_library(struct rds_sync *redis, struct json_object *document)
{
    struct json_object *library = doc_add_object(document, "library");
    struct redis_command cmd;
    command_library_version(&cmd);
    struct redisReply *reply = rds_sync_call(redis, &cmd);
    doc_add_text(library, "version", rds_str(reply));
    json_add_bool(library, "fits", store_library_version_ok(reply));
    rds_sync_free(reply);
}

/* ---- for people ------------------------------------------------------------------------------ */

/* "12 s ago", of a time that may be null. */
static const char *age_of(struct json_object *object, const char *name, int64_t now_ms,
                          char out[OUT_AGE_SIZE])
{
    const char *at = json_object_get_string(doc_part(object, name));
    if (!at)
        return "-";
    out_age(now_ms - clock_parse_rfc3339(at), out);
    return out;
}

static void print_memory(struct json_object *memory, struct json_object *orders)
{
    int is_refusing = doc_is_true(memory, "refusing_orders");
    out_line(stdout, "Memory", "%s%lld MB of %lld MB%s%s; %lld settled orders let go for room",
             is_refusing ? out_red() : "", doc_int(memory, "used_bytes") >> 20,
             doc_int(memory, "max_bytes") >> 20, is_refusing ? ", NEW ORDERS ARE REFUSED" : "",
             is_refusing ? out_plain() : "", doc_int(orders, "forgotten"));
}

static void print_status(struct json_object *d, int64_t now_ms)
{
    static const struct column COLUMNS[] = {
        {"WORKER", "id", COLUMN_TEXT},
        {"ALIVE", "alive", COLUMN_TEXT},
        {"HEARTBEAT", "heartbeat_at", COLUMN_AGE},
        {"JOBS", "jobs", COLUMN_NUMBER},
    };
    struct json_object *o = doc_part(d, "orders"), *u = doc_part(d, "updates"),
                       *j = doc_part(d, "jobs");
    struct json_object *i = doc_part(d, "invariant"), *old = doc_part(d, "oldest");
    char ready[OUT_AGE_SIZE], due[OUT_AGE_SIZE], dead[OUT_AGE_SIZE], paused[OUT_AGE_SIZE];

    out_line(stdout, "Orders",
             "%lld placed, %lld active; %lld delivered, %lld payment failed, %lld cancelled",
             doc_int(o, "placed"), doc_int(o, "active"), doc_int(o, "delivered"),
             doc_int(o, "payment_failed"), doc_int(o, "cancelled"));
    out_line(stdout, "Updates", "%lld accepted, %lld pending", doc_int(u, "accepted"),
             doc_int(u, "pending"));
    out_line(stdout, "Queue", "%lld ready, %lld active, %lld delayed, %lld dead",
             doc_int(j, "ready"), doc_int(j, "active"), doc_int(j, "delayed"), doc_int(j, "dead"));
    out_line(stdout, "Next", "ready: placed %s; delayed: due %s; dead since: %s",
             age_of(old, "ready_at", now_ms, ready), age_of(old, "due_at", now_ms, due),
             age_of(old, "dead_at", now_ms, dead));
    if (doc_is_true(d, "paused"))
        out_line(stdout, "Paused", "%syes%s, since %s", out_red(), out_plain(),
                 age_of(d, "paused_at", now_ms, paused));
    else
        out_line(stdout, "Paused", "no");
    out_line(stdout, "Invariant", "%s%s%s: %lld expected in the queue, %lld found",
             doc_is_true(i, "holds") ? out_green() : out_red(),
             doc_is_true(i, "holds") ? "holds" : "BROKEN", out_plain(), doc_int(i, "expected"),
             doc_int(i, "found"));
    print_memory(doc_part(d, "memory"), o);
    if (!doc_is_true(doc_part(d, "library"), "fits"))
        out_line(stdout, "Functions", "%sof another version%s: run tiffin-load", out_red(),
                 out_plain());
    putchar('\n');
    if (json_object_array_length(doc_part(d, "workers")) == 0)
        printf("No worker is registered.\n");
    else
        out_table(stdout, doc_part(d, "workers"), COLUMNS, 4, now_ms);
}

int cmd_status(struct rds_sync *redis, const struct options *options)
{
    struct store_stats stats;
    redis_stats(redis, &stats);
    struct redisReply *counts = redis_ask(redis, command_counts);
    int64_t now_ms = redis_now_ms(redis);
    struct json_object *document = json_object_new_object();

    doc_add_time(document, "at", now_ms);
    add_orders(document, &stats, counts);
    add_jobs(document, &stats);
    add_oldest(redis, document, now_ms);
    add_pause(redis, document);
    add_workers(redis, document, now_ms);
    add_memory(redis, document);
    add_library(redis, document);
    rds_sync_free(counts);

    if (options->is_json)
        out_json(stdout, document);
    else
        print_status(document, now_ms);
    json_object_put(document);
    return EXIT_OK;
}
