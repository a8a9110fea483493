#include "ctl/counts.h"

#include <stdarg.h>
#include <stdio.h>

#include "ctl/fsck.h"
#include "ctl/redis.h"
#include "order/store.h"

#define REPAIR "set the counters to what is in the queue"

void counts_read(struct rds_sync *redis, struct counts *ret)
{
    struct redisReply *hash = redis_ask(redis, command_counts);
    ret->placed = rds_field_int_or(hash, "placed", 0);
    ret->settled = rds_field_int_or(hash, "settled", 0);
    ret->delivered = rds_field_int_or(hash, "delivered", 0);
    ret->payment_failed = rds_field_int_or(hash, "payment_failed", 0);
    ret->cancelled = rds_field_int_or(hash, "cancelled", 0);
    rds_sync_free(hash);
}

__attribute__((format(printf, 2, 3))) static void report(struct findings *findings,
                                                         const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct problem problem = {CHECK_COUNTERS, FIX_COUNTS, text, REPAIR};
    findings_add(findings, "", &problem);
}

void counts_check(struct rds_sync *redis, struct findings *findings)
{
    struct store_stats s;
    struct counts n;
    redis_stats(redis, &s);
    counts_read(redis, &n);
    int64_t expected = s.placed - s.settled + s.updates_pending;
    int64_t there = s.ready + s.active + s.delayed + s.dead;
    if (store_stats_violations(&s) != 0)
        report(findings,
               "placed %lld - settled %lld + updates %lld = %lld, but %lld jobs are in the queue",
               (long long)s.placed, (long long)s.settled, (long long)s.updates_pending,
               (long long)expected, (long long)there);
    if (n.settled != n.delivered + n.payment_failed + n.cancelled)
        report(findings, "settled %lld, but delivered %lld + payment failed %lld + cancelled %lld",
               (long long)n.settled, (long long)n.delivered, (long long)n.payment_failed,
               (long long)n.cancelled);
}

static void compare_one(struct fsck *f, const char *name, size_t walked, int64_t counted)
{
    if ((int64_t)walked > counted)
        findings_report(&f->findings, "", CHECK_COUNTERS,
                        "%zu %s orders exist, but %lld were counted", walked, name,
                        (long long)counted);
}

/* An order counted before the walk was met by it, unless it has expired: so there may be fewer
 * orders than were counted, never more. Unsettled ones do not expire; those that were so all the
 * time of the walk were met as such, and one that was met so was it at some time of it.
 * Where counts_check() has found sums that do not add up, the rest only follows from that. */
void counts_compare(struct fsck *f, const struct counts *before, const struct counts *after)
{
    int64_t unsettled = (int64_t)f->n_kind[KIND_UNSETTLED];
    int64_t at_start = before->placed - before->settled;
    size_t all = f->n_jobs - f->n_kind[KIND_UPDATE];
    compare_one(f, "delivered", f->n_kind[KIND_DELIVERED], after->delivered);
    compare_one(f, "payment_failed", f->n_kind[KIND_PAYMENT_FAILED], after->payment_failed);
    compare_one(f, "cancelled", f->n_kind[KIND_CANCELLED], after->cancelled);
    if (findings_have_fix(&f->findings, FIX_COUNTS))
        return;
    compare_one(f, "placed", all, after->placed);
    compare_one(f, "settled", all - f->n_kind[KIND_UNSETTLED], after->settled);
    if (unsettled < at_start - (after->settled - before->settled) ||
        unsettled > at_start + (after->placed - before->placed))
        findings_report(&f->findings, "", CHECK_COUNTERS,
                        "placed - settled says %lld unsettled orders, %lld were found",
                        (long long)at_start, (long long)unsettled);
}
