/* fsck: walks the whole store and proves, or disproves, what design and functions promise. */
#include "ctl/fsck.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/output.h"

static void walk_all(struct fsck *f)
{
    struct counts before, after;
    walk_library(f);
    walk_side_tables(f);
    counts_read(f->c, &before);
    walk_queue(f);
    walk_jobs(f);
    walk_orphaned(f);
    walk_index(f);
    walk_ledger(f);
    counts_read(f->c, &after);
    counts_check(f->c, &f->findings);
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
        enum kind kind;
        const char *name;
    } KINDS[] = {{KIND_UNSETTLED, "unsettled"},
                 {KIND_DELIVERED, "delivered"},
                 {KIND_PAYMENT_FAILED, "payment_failed"},
                 {KIND_CANCELLED, "cancelled"}};
    static const char *const PLACES[AT_COUNT] = {"ready", "active", "stray", "delayed", "dead"};
    struct json_object *checked = add_object(document, "checked");
    add_int(checked, "orders", (int64_t)(f->n_jobs - f->n_kind[KIND_UPDATE]));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        add_int(checked, KINDS[i].name, (int64_t)f->n_kind[KINDS[i].kind]);
    add_int(checked, "updates", (int64_t)f->n_kind[KIND_UPDATE]);
    struct json_object *jobs = add_object(checked, "jobs");
    for (int at = 0; at < AT_COUNT; at++)
        add_int(jobs, PLACES[at], (int64_t)f->queue.n_at[at]);
    add_int(checked, "workers", (int64_t)f->n_workers);
    add_int(checked, "index_entries", (int64_t)f->n_index);
    add_int(checked, "ledger_entries", (int64_t)f->n_entries);
    add_int(checked, "idempotency_keys", (int64_t)f->n_idem);
    add_int(checked, "user_lists", (int64_t)f->n_user_lists);
    add_int(checked, "rechecked", (int64_t)f->n_rechecked);
}

/* What points to an order that is no longer there, as it may. */
static void add_expired(struct json_object *document, const struct fsck *f,
                        const struct counts *counts)
{
    struct json_object *expired = add_object(document, "expired");
    int64_t orders = counts->placed - (int64_t)(f->n_jobs - f->n_kind[KIND_UPDATE]);
    add_int(expired, "orders", orders > 0 ? orders : 0);
    add_int(expired, "index_entries", (int64_t)f->n_index_expired);
    add_int(expired, "ledger_entries", (int64_t)f->n_entries_expired);
    add_int(expired, "idempotency_keys", (int64_t)f->n_idem_expired);
    add_int(expired, "user_list_entries", (int64_t)f->n_user_expired);
}

static void add_findings(struct json_object *document, const struct findings *findings)
{
    struct json_object *list = add_array(document, "findings");
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        struct json_object *row = json_object_new_object();
        add_text(row, "check", check_name(finding->check));
        add_text(row, "id", *finding->id ? finding->id : NULL);
        add_text(row, "problem", finding->text);
        add_text(row, "repair", finding->repair);
        add_text(row, "result", finding->result);
        add_text(row, "done", finding->done);
        json_object_array_add(list, row);
    }
}

static long long get(struct json_object *object, const char *name)
{
    return (long long)json_object_get_int64(json_object_object_get(object, name));
}

static void print_checked(struct json_object *document)
{
    struct json_object *c = json_object_object_get(document, "checked");
    struct json_object *jobs = json_object_object_get(c, "jobs");
    struct json_object *e = json_object_object_get(document, "expired");
    out_line(stdout, "Orders",
             "%lld: %lld unsettled, %lld delivered, %lld payment failed, %lld cancelled; "
             "%lld expired",
             get(c, "orders"), get(c, "unsettled"), get(c, "delivered"), get(c, "payment_failed"),
             get(c, "cancelled"), get(e, "orders"));
    out_line(stdout, "Updates", "%lld", get(c, "updates"));
    out_line(stdout, "Queue", "%lld ready, %lld active at %lld workers, %lld delayed, %lld dead",
             get(jobs, "ready"), get(jobs, "active") + get(jobs, "stray"), get(c, "workers"),
             get(jobs, "delayed"), get(jobs, "dead"));
    out_line(stdout, "Ledger", "%lld entries, %lld of expired orders", get(c, "ledger_entries"),
             get(e, "ledger_entries"));
    out_line(stdout, "Indexes", "%lld in the index, %lld Idempotency-Keys, %lld lists of users",
             get(c, "index_entries"), get(c, "idempotency_keys"), get(c, "user_lists"));
    out_line(stdout, "Rechecked", "%lld that moved, or looked wrong, meanwhile",
             get(c, "rechecked"));
}

static void print_report(const struct ctl *c, struct json_object *document,
                         const struct findings *findings)
{
    static const struct column COLUMNS[] = {
        {"CHECK", "check", COLUMN_TEXT},     {"ID", "id", COLUMN_TEXT},
        {"PROBLEM", "problem", COLUMN_TEXT}, {"REPAIR", "repair", COLUMN_TEXT},
        {"RESULT", "result", COLUMN_TEXT},   {"DONE", "done", COLUMN_TEXT},
    };
    int64_t left = count_unrepaired(findings);
    print_checked(document);
    out_line(stdout, "Took", "%lld ms", get(document, "took_ms"));
    if (findings->n == 0) {
        out_line(stdout, "Result", "%sclean%s", out_green(), out_plain());
        return;
    }
    out_line(stdout, "Result", "%s%zu violations%s, %lld repaired", left ? out_red() : out_green(),
             findings->n, out_plain(), (long long)findings->n - (long long)left);
    putchar('\n');
    out_table(stdout, json_object_object_get(document, "findings"), COLUMNS,
              c->is_repairing ? 6 : 4, 0);
    if (!c->is_repairing)
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
        free(f->entries[i].key);
    free(f->entries);
    names_release(&f->lists);
    queue_index_release(&f->queue);
    findings_release(&f->findings);
}

int cmd_fsck(struct ctl *c)
{
    struct fsck f = {.c = c};
    struct counts counts;
    int64_t started_ms = clock_mono_ms();

    ask_kept(c, &f.kept);
    walk_all(&f);
    if (c->is_repairing)
        repair_all(&f);
    counts_read(c, &counts);
    int64_t left = count_unrepaired(&f.findings);

    struct json_object *document = json_object_new_object();
    add_bool(document, "clean", left == 0);
    add_int(document, "violations", (int64_t)f.findings.n);
    add_int(document, "left", left);
    add_checked(document, &f);
    add_expired(document, &f, &counts);
    add_findings(document, &f.findings);
    add_int(document, "took_ms", clock_mono_ms() - started_ms);
    if (c->is_json)
        out_json(stdout, document);
    else
        print_report(c, document, &f.findings);
    json_object_put(document);
    release(&f);
    return left == 0 ? EXIT_OK : EXIT_VIOLATIONS;
}
