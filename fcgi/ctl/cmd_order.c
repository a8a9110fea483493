/* order <id>: everything that is known of one order (or update). */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/job_snapshot.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"
#include "order/order.h"

/* The hash, without what is shown elsewhere: its history and its job. */
static const char *const TEXTS[] = {
    "status",   "payment_status", "kitchen_status", "restaurant_id", "restaurant",  "item",
    "currency", "user_id",        "created_at",     "message",       "accepted_at",
};
static const char *const NUMBERS[] = {"quantity", "amount_cents", "version"};

static void add_fields(struct json_object *document, const struct redisReply *hash)
{
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        if (rds_field(hash, TEXTS[i]))
            doc_add_text(document, TEXTS[i], rds_field(hash, TEXTS[i]));
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++)
        if (rds_field(hash, NUMBERS[i]))
            json_add_int(document, NUMBERS[i], rds_field_int_or(hash, NUMBERS[i], 0));
}

static void add_history(struct json_object *document, const struct redisReply *hash)
{
    struct json_object *list = doc_add_array(document, "history");
    int64_t version = rds_field_int_or(hash, "version", 0);
    for (int64_t v = 1; v <= version; v++) {
        char name[24], word[4][40] = {"", "", "", ""};
        snprintf(name, sizeof name, "v%lld", (long long)v);
        const char *line = rds_field(hash, name);
        if (!line)
            continue; /* fsck complains about it */
        (void)sscanf(line, "%39s %39s %39s %39s", word[0], word[1], word[2], word[3]);
        struct json_object *row = json_object_new_object();
        json_add_int(row, "version", v);
        doc_add_text(row, "status", word[0]);
        doc_add_text(row, "payment_status", word[1]);
        doc_add_text(row, "kitchen_status", word[2]);
        doc_add_text(row, "at", word[3]);
        json_object_array_add(list, row);
    }
}

static void add_job(struct json_object *document, const struct job_snapshot *snapshot)
{
    struct json_object *job = doc_add_object(document, "job");
    const struct redisReply *hash = snapshot->hash;
    doc_add_text(job, "place", snapshot_place(snapshot));
    doc_add_text(job, "step", rds_field(hash, "step"));
    doc_add_text(job, "worker", *snapshot->worker ? snapshot->worker : NULL);
    doc_add_time(job, "due_at", snapshot->due_ms);
    doc_add_time(job, "dead_at", snapshot->dead_ms);
    doc_add_text(job, "reason", rds_field(hash, "dead_reason"));
    doc_add_text(job, "resume_status", rds_field(hash, "resume_status"));
    json_add_int(job, "epoch", rds_field_int_or(hash, "epoch", 0));
    json_add_int(job, "tries", rds_field_int_or(hash, "tries", 0));
    json_add_int(job, "crashes", rds_field_int_or(hash, "crashes", 0));
}

static void add_payment(struct json_object *document, const struct job_snapshot *snapshot)
{
    const char *key = rds_field(snapshot->hash, "payment_key");
    if (!key) {
        doc_add_null(document, "payment");
        return;
    }
    struct json_object *payment = doc_add_object(document, "payment");
    doc_add_text(payment, "key", key);
    doc_add_text(payment, "settled_by_hand", rds_field(snapshot->hash, "settled_by_hand"));
    doc_add_text(payment, "result", rds_field(snapshot->ledger, "result"));
    json_add_int(payment, "requests", rds_field_int_or(snapshot->ledger, "requests", 0));
    json_add_int(payment, "captures", rds_field_int_or(snapshot->ledger, "captures", 0));
    json_add_int(payment, "refunds", rds_field_int_or(snapshot->ledger, "refunds", 0));
    json_add_int(payment, "amount_cents", rds_field_int_or(snapshot->ledger, "amount_cents", 0));
    doc_add_text(payment, "currency", rds_field(snapshot->ledger, "currency"));
}

/* ---- for people ------------------------------------------------------------------------------ */

/* A line of it, when there is such a time. */
static void print_time(struct json_object *object, const char *label, const char *name,
                       int64_t now_ms)
{
    const char *at = json_object_get_string(doc_part(object, name));
    char age[OUT_AGE_SIZE];
    if (!at)
        return;
    out_age(now_ms - clock_parse_rfc3339(at), age);
    out_line(stdout, label, "%s (%s)", at, age);
}

static void print_order(struct json_object *d)
{
    long long cents = doc_int(d, "amount_cents");
    out_line(stdout, "Status", "%s, payment %s, kitchen %s", doc_text(d, "status"),
             doc_text(d, "payment_status"), doc_text(d, "kitchen_status"));
    out_line(stdout, "What", "%s x %s of %s (%s), %lld.%02lld %s", doc_text(d, "quantity"),
             doc_text(d, "item"), doc_text(d, "restaurant"), doc_text(d, "restaurant_id"),
             cents / 100, cents % 100, doc_text(d, "currency"));
    if (doc_part(d, "user_id"))
        out_line(stdout, "User", "%s", doc_text(d, "user_id"));
}

static void print_job(struct json_object *d, int64_t now_ms)
{
    struct json_object *job = doc_part(d, "job");
    if (doc_part(job, "worker"))
        out_line(stdout, "Job", "%s, held by %s", doc_text(job, "place"), doc_text(job, "worker"));
    else
        out_line(stdout, "Job", "%s", doc_text(job, "place"));
    out_line(stdout, "Step", "%s: epoch %s, tries %s, crashes %s", doc_text(job, "step"),
             doc_text(job, "epoch"), doc_text(job, "tries"), doc_text(job, "crashes"));
    print_time(job, "Due", "due_at", now_ms);
    print_time(job, "Dead since", "dead_at", now_ms);
    if (doc_part(job, "reason"))
        out_line(stdout, "Reason", "%s; requeue goes back to %s", doc_text(job, "reason"),
                 doc_text(job, "resume_status"));
}

static void print_payment(struct json_object *d)
{
    struct json_object *p = doc_part(d, "payment");
    if (!p)
        out_line(stdout, "Payment", "none was started");
    else
        out_line(stdout, "Payment", "%s: %s requests, %s captures, %s refunds, result %s",
                 doc_text(p, "key"), doc_text(p, "requests"), doc_text(p, "captures"),
                 doc_text(p, "refunds"), doc_text(p, "result"));
    if (p && doc_part(p, "settled_by_hand"))
        out_line(stdout, "By hand", "settled at %s, by what a person found",
                 doc_text(p, "settled_by_hand"));
}

static void print_all(struct json_object *d, int64_t now_ms, int is_update)
{
    static const struct column COLUMNS[] = {
        {"VERSION", "version", COLUMN_NUMBER},
        {"STATUS", "status", COLUMN_TEXT},
        {"PAYMENT", "payment_status", COLUMN_TEXT},
        {"KITCHEN", "kitchen_status", COLUMN_TEXT},
        {"AT", "at", COLUMN_TIME},
    };
    out_line(stdout, "Id", "%s", doc_text(d, "id"));
    if (is_update)
        out_line(stdout, "Message", "%s", doc_text(d, "message"));
    else
        print_order(d);
    print_time(d, "Created", is_update ? "accepted_at" : "created_at", now_ms);
    print_job(d, now_ms);
    if (!is_update)
        print_payment(d);
    print_time(d, "Expires", "expires_at", now_ms);
    if (!is_update) {
        putchar('\n');
        out_table(stdout, doc_part(d, "history"), COLUMNS, 5, now_ms);
    }
}

int cmd_order(struct rds_sync *redis, const struct options *options)
{
    struct job_snapshot snapshot;
    int is_update = job_is_update(options->argument);
    snapshot_read(redis, options->argument, NULL, &snapshot);
    if (rds_len(snapshot.hash) == 0)
        ctl_die("there is no %s %s", is_update ? "update" : "order", options->argument);
    struct json_object *document = json_object_new_object();
    doc_add_text(document, "id", options->argument);
    add_fields(document, snapshot.hash);
    add_job(document, &snapshot);
    if (!is_update) {
        add_payment(document, &snapshot);
        add_history(document, snapshot.hash);
    }
    doc_add_time(document, "expires_at",
                 snapshot.ttl_ms > 0 ? snapshot.now_ms + snapshot.ttl_ms : 0);
    if (options->is_json)
        out_json(stdout, document);
    else
        print_all(document, snapshot.now_ms, is_update);
    json_object_put(document);
    snapshot_release(&snapshot);
    return EXIT_OK;
}
