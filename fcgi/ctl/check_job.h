/* What must be true of one job, wherever it is in its life. Pure: it sees a struct job_snapshot and
 * says what is wrong. The rules are those of redis/functions/tiffin/, read from outside. */
#ifndef TIFFIN_CTL_CHECK_JOB_H
#define TIFFIN_CTL_CHECK_JOB_H

#include <stdint.h>

struct job_snapshot;

/* What fsck proves or disproves. */
enum check {
    CHECK_TYPE,     /* a key holds what it should not */
    CHECK_ID,       /* ids are well-formed, and the order's own is its key's */
    CHECK_PLACE,    /* an unsettled job stands in exactly one place, any other in none */
    CHECK_DEAD,     /* dead <=> needs_review */
    CHECK_LIST,     /* an active list belongs to a registered worker */
    CHECK_HISTORY,  /* v1 … vN are complete and legal, the statuses are those of vN */
    CHECK_STEP,     /* the step fits the statuses */
    CHECK_EXPIRY,   /* what is settled expires, nothing else does */
    CHECK_INDEX,    /* the index has every order and nothing else */
    CHECK_LEDGER,   /* money */
    CHECK_COUNTERS, /* counters, places and orders agree */
    CHECK_IDEM,     /* an Idempotency-Key leads to an order */
    CHECK_USER,     /* a user's list holds that user's orders */
    CHECK_LIBRARY,  /* the functions are of this version */
    CHECK_COUNT
};
const char *check_name(enum check check);

/* The function that would put it right. */
enum fix { FIX_NONE, FIX_PLACE, FIX_RECORD, FIX_COUNTS };

struct problem {
    enum check check;
    enum fix fix;
    const char *text;   /* what is wrong */
    const char *repair; /* what --repair does; NULL: people must decide */
};
typedef void (*check_found_fn)(void *arg, const char *id, const struct problem *problem);

/* How long a ledger entry lives after its last charge or refund (redis/functions/gateway.lua). */
#define LEDGER_KEEP_MS (INT64_C(90) * 86400 * 1000)
/* So much before the order's history says it, at most, was the gateway last asked. */
#define LEDGER_EARLIER_MS (INT64_C(86400) * 1000)

/* Calls `found` for each thing that is wrong. The texts are dead when it returns. */
void check_job(const struct job_snapshot *snapshot, check_found_fn found, void *arg);

#endif
