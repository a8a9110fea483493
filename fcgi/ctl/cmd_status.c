/* status: how the system is, at one snapshot. */
#include <json-c/json.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "order/keys.h"
#include "order/memory.h"
#include "order/store.h"

static void add_orders(struct json_object *document, const struct store_stats *s,
                       const struct redisReply *counts)
{
    struct json_object *orders = add_object(document, "orders");
    add_int(orders, "placed", s->placed);
    add_int(orders, "active", s->placed - s->settled);
    add_int(orders, "settled", s->settled);
    add_int(orders, "delivered", rds_field_int_or(counts, "delivered", 0));
    add_int(orders, "payment_failed", rds_field_int_or(counts, "payment_failed", 0));
    add_int(orders, "cancelled", rds_field_int_or(counts, "cancelled", 0));
    add_int(orders, "forgotten", rds_field_int_or(counts, "orders_forgotten", 0));
    struct json_object *updates = add_object(document, "updates");
    add_int(updates, "accepted", rds_field_int_or(counts, "updates_accepted", 0));
    add_int(updates, "published", rds_field_int_or(counts, "updates_published", 0));
    add_int(updates, "discarded", rds_field_int_or(counts, "updates_discarded", 0));
    add_int(updates, "pending", s->updates_pending);
}

static void add_jobs(struct json_object *document, const struct store_stats *s)
{
    struct json_object *jobs = add_object(document, "jobs");
    add_int(jobs, "ready", s->ready);
    add_int(jobs, "active", s->active);
    add_int(jobs, "delayed", s->delayed);
    add_int(jobs, "dead", s->dead);
    struct json_object *invariant = add_object(document, "invariant");
    add_bool(invariant, "holds", store_stats_violations(s) == 0);
    add_int(invariant, "violations", store_stats_violations(s));
    add_int(invariant, "expected", s->placed - s->settled + s->updates_pending);
    add_int(invariant, "found", s->ready + s->active + s->delayed + s->dead);
}

/* The lowest score of a sorted set of jobs, in ms; 0 when it is empty. */
static int64_t first_score_ms(struct ctl *c, const char *key)
{
    struct redisReply *reply = ask(c, "ZRANGE", key, "0", "0", "WITHSCORES");
    const char *score = rds_str(rds_at(reply, 1));
    int64_t ms = score ? (int64_t)strtod(score, NULL) : 0;
    rds_sync_free(reply);
    return ms;
}

/* When the job that is next in ready was created; 0 when there is none. */
static int64_t oldest_ready_ms(struct ctl *c)
{
    struct redisReply *reply = ask(c, "LRANGE", KEY_READY, "-1", "-1");
    const char *id = rds_str(rds_at(reply, 0));
    int64_t ms = 0;
    if (id) {
        struct redisReply *times =
            ask(c, "HMGET", key_of_job(id).text, "created_at", "accepted_at");
        const char *at = rds_str(rds_at(times, 0));
        at = at ? at : rds_str(rds_at(times, 1));
        ms = at ? clock_parse_rfc3339(at) : 0;
        rds_sync_free(times);
    }
    rds_sync_free(reply);
    return ms;
}

static void add_age(struct json_object *object, const char *name, int64_t since_ms, int64_t now_ms)
{
    if (since_ms > 0)
        add_int(object, name, now_ms > since_ms ? now_ms - since_ms : 0);
    else
        add_null(object, name);
}

static void add_oldest(struct ctl *c, struct json_object *document, int64_t now_ms)
{
    struct json_object *oldest = add_object(document, "oldest");
    int64_t ready_ms = oldest_ready_ms(c), due_ms = first_score_ms(c, KEY_DELAYED);
    int64_t dead_ms = first_score_ms(c, KEY_DEAD);
    add_time(oldest, "ready_at", ready_ms);
    add_age(oldest, "ready_age_ms", ready_ms, now_ms);
    add_time(oldest, "due_at", due_ms);
    add_time(oldest, "dead_at", dead_ms);
    add_age(oldest, "dead_age_ms", dead_ms, now_ms);
}

static void add_workers(struct ctl *c, struct json_object *document, int64_t now_ms)
{
    struct json_object *list = add_array(document, "workers");
    struct names workers = {NULL, 0, 0};
    ask_workers(c, &workers);
    for (size_t i = 0; i < workers.n; i++) {
        rds_sync_put(c->redis, "GET", key_of(KEY_WORKER_PREFIX, workers.items[i]).text);
        rds_sync_put(c->redis, "LLEN", key_of(KEY_ACTIVE_PREFIX, workers.items[i]).text);
    }
    for (size_t i = 0; i < workers.n; i++) {
        struct redisReply *beat = ask_next(c), *jobs = ask_next(c);
        const char *at = rds_str(beat);
        struct json_object *row = json_object_new_object();
        add_text(row, "id", workers.items[i]);
        add_bool(row, "alive", at != NULL);
        add_text(row, "heartbeat_at", at);
        add_age(row, "heartbeat_age_ms", at ? clock_parse_rfc3339(at) : 0, now_ms);
        add_int(row, "jobs", rds_int_or(jobs, 0));
        json_object_array_add(list, row);
        rds_sync_free(beat);
        rds_sync_free(jobs);
    }
    names_release(&workers);
}

static void add_pause(struct ctl *c, struct json_object *document)
{
    struct redisReply *since = ask(c, "GET", KEY_PAUSED);
    add_bool(document, "paused", rds_str(since) != NULL);
    add_text(document, "paused_at", rds_str(since));
    rds_sync_free(since);
}

static void add_memory(struct ctl *c, struct json_object *document)
{
    struct memory m = {0, 0};
    struct redisReply *info = ask(c, "INFO", "memory");
    (void)memory_parse(rds_str(info), &m);
    struct json_object *memory = add_object(document, "memory");
    add_int(memory, "used_bytes", m.used_bytes);
    add_int(memory, "max_bytes", m.max_bytes);
    add_bool(memory, "refusing_orders", memory_is_over(&m, MEMORY_FULL_PCT));
    rds_sync_free(info);
}

static void add_library(struct ctl *c, struct json_object *document)
{
    struct json_object *library = add_object(document, "library");
    struct redisReply *reply = rds_sync_ask(c->redis, "FCALL_RO", FN_LIBRARY_VERSION, "0");
    add_text(library, "version", rds_str(reply));
    add_bool(library, "fits", store_library_version_ok(reply));
    rds_sync_free(reply);
}

/* ---- for people ------------------------------------------------------------------------------ */

static struct json_object *part(struct json_object *document, const char *name)
{
    return json_object_object_get(document, name);
}

static long long get(struct json_object *object, const char *name)
{
    return (long long)json_object_get_int64(part(object, name));
}

static int is_true(struct json_object *object, const char *name)
{
    return json_object_get_boolean(part(object, name));
}

/* "12 s ago", of a time that may be null. */
static const char *age_of(struct json_object *object, const char *name, int64_t now_ms,
                          char out[OUT_AGE_SIZE])
{
    const char *at = json_object_get_string(part(object, name));
    if (!at)
        return "-";
    out_age(now_ms - clock_parse_rfc3339(at), out);
    return out;
}

static void print_memory(struct json_object *memory, struct json_object *orders)
{
    int is_refusing = is_true(memory, "refusing_orders");
    out_line(stdout, "Memory", "%s%lld MB of %lld MB%s%s; %lld settled orders let go for room",
             is_refusing ? out_red() : "", get(memory, "used_bytes") >> 20,
             get(memory, "max_bytes") >> 20, is_refusing ? ", NEW ORDERS ARE REFUSED" : "",
             is_refusing ? out_plain() : "", get(orders, "forgotten"));
}

static void print_status(struct json_object *d, int64_t now_ms)
{
    static const struct column COLUMNS[] = {
        {"WORKER", "id", COLUMN_TEXT},
        {"ALIVE", "alive", COLUMN_TEXT},
        {"HEARTBEAT", "heartbeat_at", COLUMN_AGE},
        {"JOBS", "jobs", COLUMN_NUMBER},
    };
    struct json_object *o = part(d, "orders"), *u = part(d, "updates"), *j = part(d, "jobs");
    struct json_object *i = part(d, "invariant"), *old = part(d, "oldest");
    char ready[OUT_AGE_SIZE], due[OUT_AGE_SIZE], dead[OUT_AGE_SIZE], paused[OUT_AGE_SIZE];

    out_line(stdout, "Orders",
             "%lld placed, %lld active; %lld delivered, %lld payment failed, %lld cancelled",
             get(o, "placed"), get(o, "active"), get(o, "delivered"), get(o, "payment_failed"),
             get(o, "cancelled"));
    out_line(stdout, "Updates", "%lld accepted, %lld pending", get(u, "accepted"),
             get(u, "pending"));
    out_line(stdout, "Queue", "%lld ready, %lld active, %lld delayed, %lld dead", get(j, "ready"),
             get(j, "active"), get(j, "delayed"), get(j, "dead"));
    out_line(stdout, "Next", "ready: placed %s; delayed: due %s; dead since: %s",
             age_of(old, "ready_at", now_ms, ready), age_of(old, "due_at", now_ms, due),
             age_of(old, "dead_at", now_ms, dead));
    if (is_true(d, "paused"))
        out_line(stdout, "Paused", "%syes%s, since %s", out_red(), out_plain(),
                 age_of(d, "paused_at", now_ms, paused));
    else
        out_line(stdout, "Paused", "no");
    out_line(stdout, "Invariant", "%s%s%s: %lld expected in the queue, %lld found",
             is_true(i, "holds") ? out_green() : out_red(),
             is_true(i, "holds") ? "holds" : "BROKEN", out_plain(), get(i, "expected"),
             get(i, "found"));
    print_memory(part(d, "memory"), o);
    if (!is_true(part(d, "library"), "fits"))
        out_line(stdout, "Functions", "%sof another version%s: run tiffin-load", out_red(),
                 out_plain());
    putchar('\n');
    if (json_object_array_length(part(d, "workers")) == 0)
        printf("No worker is registered.\n");
    else
        out_table(stdout, part(d, "workers"), COLUMNS, 4, now_ms);
}

int cmd_status(struct ctl *c)
{
    struct store_stats stats;
    ask_stats(c, &stats);
    struct redisReply *counts = ask(c, "HGETALL", KEY_COUNT);
    int64_t now_ms = ask_now(c);
    struct json_object *document = json_object_new_object();

    add_time(document, "at", now_ms);
    add_orders(document, &stats, counts);
    add_jobs(document, &stats);
    add_oldest(c, document, now_ms);
    add_pause(c, document);
    add_workers(c, document, now_ms);
    add_memory(c, document);
    add_library(c, document);
    rds_sync_free(counts);

    if (c->is_json)
        out_json(stdout, document);
    else
        print_status(document, now_ms);
    json_object_put(document);
    return EXIT_OK;
}
