/* fsck: walks the whole store and proves, or disproves, what design and functions promise. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/counts.h"
#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/fsck.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/repair.h"
#include "ctl/walk.h"

static void walk_all(struct fsck *f)
{
    struct counts before, after;
    walk_library(f);
    walk_side_tables(f);
    counts_read(f->redis, &before);
    walk_queue(f);
    walk_jobs(f);
    walk_unknown_ids(f);
    walk_index(f);
    walk_ledger(f);
    counts_read(f->redis, &after);
    counts_check(f->redis, &f->findings);
    counts_compare(f, &before, &after);
    findings_sort(&f->findings);
}

/* ---- the report ------------------------------------------------------------------------------ */

static int64_t count_unrepaired(const struct findings *findings)
{
    int64_t n = 0;
    for (size_t i = 0; i < findings->n; i++)
        n += strcmp(findings->items[i].result, "repaired") != 0;
    return n;
}

static void add_checked(struct json_object *document, const struct fsck *f)
{
    static const struct {
        enum job_kind kind;
        const char *name;
    } KINDS[] = {{KIND_UNSETTLED, "unsettled"},
                 {KIND_DELIVERED, "delivered"},
                 {KIND_PAYMENT_FAILED, "payment_failed"},
                 {KIND_CANCELLED, "cancelled"}};
    /* "stray" is the name of the orphaned that scripts know. */
    static const char *const PLACES[AT_COUNT] = {"ready", "active", "stray", "delayed", "dead"};
    struct json_object *checked = doc_add_object(document, "checked");
    json_add_int(checked, "orders", (int64_t)(f->n_jobs - f->n_kind[KIND_UPDATE]));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        json_add_int(checked, KINDS[i].name, (int64_t)f->n_kind[KINDS[i].kind]);
    json_add_int(checked, "updates", (int64_t)f->n_kind[KIND_UPDATE]);
    struct json_object *jobs = doc_add_object(checked, "jobs");
    for (int at = 0; at < AT_COUNT; at++)
        json_add_int(jobs, PLACES[at], (int64_t)f->queue.n_at[at]);
    json_add_int(checked, "workers", (int64_t)f->n_workers);
    json_add_int(checked, "index_entries", (int64_t)f->n_index);
    json_add_int(checked, "ledger_entries", (int64_t)f->n_entries);
    json_add_int(checked, "idempotency_keys", (int64_t)f->n_idem);
    json_add_int(checked, "user_lists", (int64_t)f->n_user_lists);
    json_add_int(checked, "rechecked", (int64_t)f->n_rechecked);
}

/* What points to an order that is no longer there, as it may. */
static void add_expired(struct json_object *document, const struct fsck *f,
                        const struct counts *counts)
{
    struct json_object *expired = doc_add_object(document, "expired");
    int64_t orders = counts->placed - (int64_t)(f->n_jobs - f->n_kind[KIND_UPDATE]);
    json_add_int(expired, "orders", orders > 0 ? orders : 0);
    json_add_int(expired, "index_entries", (int64_t)f->n_index_expired);
    json_add_int(expired, "ledger_entries", (int64_t)f->n_entries_expired);
    json_add_int(expired, "idempotency_keys", (int64_t)f->n_idem_expired);
    json_add_int(expired, "user_list_entries", (int64_t)f->n_user_expired);
}

static void add_findings(struct json_object *document, const struct findings *findings)
{
    struct json_object *list = doc_add_array(document, "findings");
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        struct json_object *row = json_object_new_object();
        doc_add_text(row, "check", check_name(finding->check));
        doc_add_text(row, "id", *finding->id ? finding->id : NULL);
        doc_add_text(row, "problem", finding->text);
        doc_add_text(row, "repair", finding->repair);
        doc_add_text(row, "result", finding->result);
        doc_add_text(row, "done", finding->done);
        json_object_array_add(list, row);
    }
}

static void print_checked(struct json_object *document)
{
    struct json_object *c = doc_part(document, "checked");
    struct json_object *jobs = doc_part(c, "jobs");
    struct json_object *e = doc_part(document, "expired");
    out_line(stdout, "Orders",
             "%lld: %lld unsettled, %lld delivered, %lld payment failed, %lld cancelled; "
             "%lld expired",
             doc_int(c, "orders"), doc_int(c, "unsettled"), doc_int(c, "delivered"),
             doc_int(c, "payment_failed"), doc_int(c, "cancelled"), doc_int(e, "orders"));
    out_line(stdout, "Updates", "%lld", doc_int(c, "updates"));
    out_line(stdout, "Queue", "%lld ready, %lld active at %lld workers, %lld delayed, %lld dead",
             doc_int(jobs, "ready"), doc_int(jobs, "active") + doc_int(jobs, "stray"),
             doc_int(c, "workers"), doc_int(jobs, "delayed"), doc_int(jobs, "dead"));
    out_line(stdout, "Ledger", "%lld entries, %lld of expired orders", doc_int(c, "ledger_entries"),
             doc_int(e, "ledger_entries"));
    out_line(stdout, "Indexes", "%lld in the index, %lld Idempotency-Keys, %lld lists of users",
             doc_int(c, "index_entries"), doc_int(c, "idempotency_keys"), doc_int(c, "user_lists"));
    out_line(stdout, "Rechecked", "%lld that moved, or looked wrong, meanwhile",
             doc_int(c, "rechecked"));
}

static void print_report(const struct options *options, struct json_object *document,
                         const struct findings *findings)
{
    static const struct column COLUMNS[] = {
        {"CHECK", "check", COLUMN_TEXT},     {"ID", "id", COLUMN_TEXT},
        {"PROBLEM", "problem", COLUMN_TEXT}, {"REPAIR", "repair", COLUMN_TEXT},
        {"RESULT", "result", COLUMN_TEXT},   {"DONE", "done", COLUMN_TEXT},
    };
    int64_t left = count_unrepaired(findings);
    print_checked(document);
    out_line(stdout, "Took", "%lld ms", doc_int(document, "took_ms"));
    if (findings->n == 0) {
        out_line(stdout, "Result", "%sclean%s", out_green(), out_plain());
        return;
    }
    out_line(stdout, "Result", "%s%zu violations%s, %lld repaired", left ? out_red() : out_green(),
             findings->n, out_plain(), (long long)findings->n - (long long)left);
    putchar('\n');
    out_table(stdout, doc_part(document, "findings"), COLUMNS, options->is_repairing ? 6 : 4, 0);
    if (!options->is_repairing)
        printf("\nA repair of \"-\" is left to people. fsck --repair does the others.\n");
}

static void release(struct fsck *f)
{
    for (size_t i = 0; i < f->n_jobs; i++) {
        free(f->jobs[i].id);
        free(f->jobs[i].payment_key);
    }
    free(f->jobs);
    for (size_t i = 0; i < f->n_entries; i++)
        free(f->entries[i].payment_key);
    free(f->entries);
    names_release(&f->workers);
    queue_index_release(&f->queue);
    findings_release(&f->findings);
}

int cmd_fsck(struct rds_sync *redis, const struct options *options)
{
    struct fsck f = {.redis = redis};
    struct counts counts;
    int64_t started_ms = clock_mono_ms();

    redis_kept(redis, &f.kept);
    walk_all(&f);
    if (options->is_repairing)
        repair_all(&f);
    counts_read(redis, &counts);
    int64_t left = count_unrepaired(&f.findings);

    struct json_object *document = json_object_new_object();
    json_add_bool(document, "clean", left == 0);
    json_add_int(document, "violations", (int64_t)f.findings.n);
    json_add_int(document, "left", left);
    add_checked(document, &f);
    add_expired(document, &f, &counts);
    add_findings(document, &f.findings);
    json_add_int(document, "took_ms", clock_mono_ms() - started_ms);
    if (options->is_json)
        out_json(stdout, document);
    else
        print_report(options, document, &f.findings);
    json_object_put(document);
    release(&f);
    return left == 0 ? EXIT_OK : EXIT_VIOLATIONS;
}
