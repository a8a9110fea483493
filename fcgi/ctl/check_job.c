/* Each part of a job is checked by one function: its places in the queue, history and step, money,
 * expiry and index. What cannot be trusted (id, history, step) is reported first, because nothing
 * is repaired by it. */
#include "ctl/check_job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rds_reply.h"
#include "ctl/findings.h"
#include "ctl/job_snapshot.h"
#include "order/life.h"
#include "order/order.h"

#define TEXT_SIZE 320

struct job_check {
    const struct job_snapshot *snapshot;
    struct findings *found;
    /* of an order whose last line of history can be read */
    struct order_change now;
    int64_t paid_ms; /* when its payment_status became what it is */
    int is_readable;
    /* Its id, history or step cannot be trusted: nothing is repaired by them, or a worker might go
     * on where it must not. */
    int is_unsound;
};

/* Adds a finding; repair: what `fix` does, dropped with it. */
__attribute__((format(printf, 5, 6))) static void report(struct job_check *j, enum check check,
                                                         enum fix fix, const char *repair,
                                                         const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (check == CHECK_ID || check == CHECK_HISTORY || check == CHECK_STEP)
        j->is_unsound = 1;
    if (j->is_unsound)
        fix = FIX_NONE;
    struct problem problem = {check, fix, text, fix == FIX_NONE ? NULL : repair};
    findings_add(j->found, j->snapshot->id, &problem);
}

static const char *field(const struct job_check *j, const char *name)
{
    return rds_field(j->snapshot->hash, name);
}

static int is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* "ready and dead" */
static void name_places(const struct job_snapshot *snapshot, char out[TEXT_SIZE])
{
    const struct {
        int n;
        const char *name;
    } ALL[] = {
        {snapshot->n_at[AT_READY], "ready"},
        {snapshot->n_at[AT_ACTIVE], "active"},
        {snapshot->n_at[AT_ORPHANED], "a stray list"},
        {snapshot->n_at[AT_DELAYED], "delayed"},
        {snapshot->n_at[AT_DEAD], "dead"},
    };
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        if (ALL[i].n == 0)
            continue;
        at += (size_t)snprintf(out + at, TEXT_SIZE - at, "%s%s", at ? " and " : "", ALL[i].name);
        if (ALL[i].n > 1)
            at += (size_t)snprintf(out + at, TEXT_SIZE - at, " %d times", ALL[i].n);
    }
}

static void check_unwanted(struct job_check *j, const char *why)
{
    char places[TEXT_SIZE];
    if (snapshot_n_places(j->snapshot) == 0)
        return;
    name_places(j->snapshot, places);
    report(j, CHECK_PLACE, FIX_PLACE, "remove it from the queue", "%s, yet it is in %.200s", why,
           places);
}

/* An unsettled job. Without a step no worker could go on, so it is left to people. */
static void check_place(struct job_check *j, int needs_review)
{
    const struct job_snapshot *snapshot = j->snapshot;
    enum fix fix = field(j, "step") ? FIX_PLACE : FIX_NONE;
    const char *back = needs_review ? "put it into dead" : "put it back to ready";
    char places[TEXT_SIZE];

    if (snapshot_n_places(snapshot) == 0)
        report(j, CHECK_PLACE, fix, back, "lost: it is not settled and in no queue");
    if (snapshot_n_places(snapshot) > 1) {
        name_places(snapshot, places);
        report(j, CHECK_PLACE, fix, "keep it in one place", "it is in %.200s", places);
    }
    if (snapshot->n_at[AT_ORPHANED])
        report(j, CHECK_LIST, fix, "put it back to ready, if that worker has no heartbeat",
               "it is in the list of worker %.60s, which is not registered: nobody reaps that",
               snapshot->worker);
}

static void check_dead(struct job_check *j, int needs_review)
{
    const struct job_snapshot *snapshot = j->snapshot;
    if (snapshot->n_at[AT_DEAD] && !needs_review)
        report(j, CHECK_DEAD, field(j, "dead_reason") ? FIX_NONE : FIX_PLACE,
               "put it back to ready", "it is in dead, but its status is %.40s",
               field(j, "status") ? field(j, "status") : "-");
    if (needs_review && snapshot_n_places(snapshot) == 1 && !snapshot->n_at[AT_DEAD])
        report(j, CHECK_DEAD, FIX_PLACE, "put it into dead", "it is needs_review, but in %s",
               snapshot_place(snapshot));
    if (needs_review && !field(j, "resume_status"))
        report(j, CHECK_DEAD, FIX_NONE, NULL, "it is needs_review without a status to go back to");
}

/* ---- statuses, step, history ----------------------------------------------------------------- */

static void check_step(struct job_check *j)
{
    const char *step = field(j, "step");
    if (life_has_step(&j->now, field(j, "resume_status"), step))
        return;
    report(j, CHECK_STEP, FIX_NONE, NULL, "step %.40s does not fit %.40s, %s, %s",
           step ? step : "(none)", order_status_name(j->now.status),
           payment_status_name(j->now.payment), kitchen_status_name(j->now.kitchen));
}

/* "order_placed paid pending 2026-11-22T11:00:58.123Z" */
static int line_parse(const char *line, int version, struct order_change *ret)
{
    char status[32], payment[32], kitchen[32], at[32], more;
    if (!line || sscanf(line, "%31s %31s %31s %31s %c", status, payment, kitchen, at, &more) != 4)
        return -EPROTO;
    int s = order_status_parse(status), p = payment_status_parse(payment);
    int k = kitchen_status_parse(kitchen);
    if (s < 0 || p < 0 || k < 0 || clock_parse_rfc3339(at) == 0 || strlen(at) >= sizeof ret->at)
        return -EPROTO;
    *ret = (struct order_change){version, (enum order_status)s, (enum payment_status)p,
                                 (enum kitchen_status)k, ""};
    snprintf(ret->at, sizeof ret->at, "%.24s", at);
    return life_has_state(ret) ? 0 : -EPROTO;
}

static int count_lines(const struct job_check *j)
{
    int n = 0;
    for (size_t i = 0; i + 1 < rds_len(j->snapshot->hash); i += 2) {
        const char *name = rds_str(rds_at(j->snapshot->hash, i));
        if (name && name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1))
            n++;
    }
    return n;
}

static void check_history(struct job_check *j)
{
    int64_t version = rds_field_int_or(j->snapshot->hash, "version", 0);
    int n_lines = count_lines(j);
    if (version != n_lines || version < 1) {
        report(j, CHECK_HISTORY, FIX_NONE, NULL, "version %lld, but %d lines of history",
               (long long)version, n_lines);
        return;
    }
    for (int v = 1; v <= n_lines; v++) {
        enum payment_status payment = j->now.payment; /* of the line before */
        char name[16];
        snprintf(name, sizeof name, "v%d", v);
        if (line_parse(field(j, name), v, &j->now)) {
            report(j, CHECK_HISTORY, FIX_NONE, NULL, "%s is missing or cannot be: %.120s", name,
                   field(j, name) ? field(j, name) : "(none)");
            return;
        }
        if (v == 1 || j->now.payment != payment)
            j->paid_ms = clock_parse_rfc3339(j->now.at);
        if (v == 1 && (j->now.status != ORDER_PLACED || j->now.payment != PAYMENT_PENDING))
            report(j, CHECK_HISTORY, FIX_NONE, NULL, "v1 is not a placed order: %.120s",
                   field(j, name));
    }
    j->is_readable = 1;
    if (!is(field(j, "status"), order_status_name(j->now.status)) ||
        !is(field(j, "payment_status"), payment_status_name(j->now.payment)) ||
        !is(field(j, "kitchen_status"), kitchen_status_name(j->now.kitchen)))
        report(j, CHECK_HISTORY, FIX_NONE, NULL,
               "it is %.40s, %.40s, %.40s, but v%d says %s, %s, %s",
               field(j, "status") ? field(j, "status") : "-",
               field(j, "payment_status") ? field(j, "payment_status") : "-",
               field(j, "kitchen_status") ? field(j, "kitchen_status") : "-", n_lines,
               order_status_name(j->now.status), payment_status_name(j->now.payment),
               kitchen_status_name(j->now.kitchen));
}

/* ---- money ----------------------------------------------------------------------------------- */

static void check_captured(struct job_check *j)
{
    const struct redisReply *entry = j->snapshot->ledger;
    if (!is(rds_field(entry, "amount_cents"), field(j, "amount_cents")) ||
        !is(rds_field(entry, "currency"), field(j, "currency")))
        report(j, CHECK_LEDGER, FIX_NONE, NULL, "captured %.20s %.8s, the order costs %.20s %.8s",
               rds_field(entry, "amount_cents") ? rds_field(entry, "amount_cents") : "-",
               rds_field(entry, "currency") ? rds_field(entry, "currency") : "-",
               field(j, "amount_cents") ? field(j, "amount_cents") : "-",
               field(j, "currency") ? field(j, "currency") : "-");
}

/* What the ledger must say for each payment_status. */
static void check_payment(struct job_check *j, int64_t captures, int64_t refunds)
{
    int is_cancelled =
        j->now.status == ORDER_CANCELLED ||
        (j->now.status == ORDER_NEEDS_REVIEW && is(field(j, "resume_status"), "cancelled"));
    int is_right = 0;
    switch (j->now.payment) {
    case PAYMENT_PENDING: /* a charge, too, may be on its way */
        is_right = refunds == 0;
        break;
    case PAYMENT_PAID: /* a refund may be on its way */
        is_right = captures == 1 && (refunds == 0 || is_cancelled);
        break;
    case PAYMENT_REFUNDED:
        is_right = captures == 1 && refunds == 1;
        break;
    case PAYMENT_DECLINED:
        is_right = captures == 0 && is(rds_field(j->snapshot->ledger, "result"), "declined");
        break;
    case PAYMENT_NOT_CHARGED:
        is_right = captures == 0 && !field(j, "payment_key");
        break;
    case PAYMENT_STATUS_COUNT:
        break;
    }
    if (!is_right)
        report(j, CHECK_LEDGER, FIX_NONE, NULL,
               "%s and %s, but the ledger has %s%lld captures, %lld refunds",
               order_status_name(j->now.status), payment_status_name(j->now.payment),
               field(j, "payment_key") ? "" : "no payment key: ", (long long)captures,
               (long long)refunds);
}

static void check_ledger(struct job_check *j)
{
    const struct redisReply *entry = j->snapshot->ledger;
    int64_t captures = rds_field_int_or(entry, "captures", 0),
            refunds = rds_field_int_or(entry, "refunds", 0);
    int may_have_expired = rds_len(entry) == 0 && field(j, "payment_key") &&
                           j->snapshot->now_ms - j->paid_ms > LEDGER_KEEP_MS - LEDGER_EARLIER_MS;
    /* Let go to make room: its entry goes first, the order follows. */
    int is_leaving = rds_len(entry) == 0 && field(j, "leaving") && snapshot_is_over(j->snapshot);
    if (may_have_expired || is_leaving)
        return;
    if (captures > 1)
        report(j, CHECK_LEDGER, FIX_NONE, NULL, "captured %lld times", (long long)captures);
    if (refunds > captures)
        report(j, CHECK_LEDGER, FIX_NONE, NULL, "refunded %lld times, captured %lld times",
               (long long)refunds, (long long)captures);
    if (captures > 0)
        check_captured(j);
    /* What a person sent back, or found, by hand no ledger of ours knows. */
    if (captures <= 1 && refunds <= captures && !field(j, "settled_by_hand"))
        check_payment(j, captures, refunds);
}

/* ---- expiry and index ------------------------------------------------------------------------ */

static void check_expiry(struct job_check *j, int is_over)
{
    int64_t ttl_ms = j->snapshot->ttl_ms;
    if (is_over && ttl_ms == -1)
        report(j, CHECK_EXPIRY, FIX_RECORD, "make it expire", "it is over, but never expires");
    if (!is_over && ttl_ms >= 0)
        report(j, CHECK_EXPIRY, field(j, "step") ? FIX_RECORD : FIX_NONE, "keep it from expiring",
               "it is not settled, but expires");
}

static void check_index(struct job_check *j)
{
    if (j->snapshot->is_indexed)
        return;
    int is_dated = field(j, "created_at") && clock_parse_rfc3339(field(j, "created_at")) > 0;
    report(j, CHECK_INDEX, is_dated ? FIX_RECORD : FIX_NONE, "add it to the index",
           "it is not in the index");
}

/* ---- all together ---------------------------------------------------------------------------- */

static void check_update(struct job_check *j)
{
    int is_over = snapshot_is_over(j->snapshot);
    if (!is_over && !is(field(j, "step"), "broadcast"))
        report(j, CHECK_STEP, FIX_NONE, NULL, "an update has no step %.40s",
               field(j, "step") ? field(j, "step") : "(none)");
    if (is_over)
        check_unwanted(j, "it is published");
    else
        check_place(j, 0);
    check_expiry(j, is_over);
}

static void check_order(struct job_check *j)
{
    int is_over = snapshot_is_over(j->snapshot);
    int needs_review = is(field(j, "status"), "needs_review");
    check_history(j);
    if (j->is_readable)
        check_step(j);
    if (is_over) {
        check_unwanted(j, "its step says settled");
    } else {
        check_place(j, needs_review);
        check_dead(j, needs_review);
    }
    check_expiry(j, is_over);
    check_index(j);
    if (j->is_readable)
        check_ledger(j);
}

static void check_missing(struct job_check *j)
{
    check_unwanted(j, job_is_update(j->snapshot->id) ? "there is no such update"
                                                     : "there is no such order");
    if (j->snapshot->is_indexed)
        report(j, CHECK_INDEX, FIX_RECORD, "remove it from the index",
               "it is in the index, but there is no such order");
}

void check_job(const struct job_snapshot *snapshot, struct findings *found)
{
    struct job_check j = {.snapshot = snapshot, .found = found};
    if (snapshot->ttl_ms == -2) {
        check_missing(&j);
        return;
    }
    if (rds_len(snapshot->hash) == 0) {
        report(&j, CHECK_TYPE, FIX_NONE, NULL, "its key does not hold a hash");
        return;
    }
    if (!job_id_is_valid(snapshot->id))
        report(&j, CHECK_ID, FIX_NONE, NULL, "this is not the form of an id");
    if (!is(field(&j, "id"), snapshot->id))
        report(&j, CHECK_ID, FIX_NONE, NULL, "its own id is %.60s",
               field(&j, "id") ? field(&j, "id") : "(none)");
    if (job_is_update(snapshot->id))
        check_update(&j);
    else
        check_order(&j);
}
