/* What the parts of fsck share: findings (findings.c), who stands where in the queue
 * (queue_index.c), the walks over the store (walk.c), the counters (counts.c), the repairs
 * (repair.c), and the command itself (cmd_fsck.c). */
#ifndef TIFFIN_CTL_FSCK_H
#define TIFFIN_CTL_FSCK_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/check_job.h"
#include "ctl/ctl.h"

/* ---- findings -------------------------------------------------------------------------------- */

struct finding {
    char *id; /* of an order or update; else a key; "" = the store as a whole */
    enum check check;
    enum fix fix;
    char *text;
    char *repair;       /* what --repair does; NULL: left to people */
    const char *result; /* found, repaired, not_repaired, gone; static */
    char *done;         /* what was done to it; NULL: nothing */
};

struct findings {
    struct finding *items;
    size_t n, capacity;
};

void findings_add(struct findings *f, const char *id, const struct problem *problem);
/* A check_found_fn; arg is the struct findings. */
void findings_found(void *arg, const char *id, const struct problem *problem);
/* Formats what is wrong; nothing repairs it. */
void findings_say(struct findings *f, const char *id, enum check check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Sorts them, and drops what was found twice. */
void findings_sort(struct findings *f);
void findings_release(struct findings *f);

/* ---- who stands where ------------------------------------------------------------------------ */

enum queue_place { AT_READY, AT_ACTIVE, AT_ORPHANED, AT_DELAYED, AT_DEAD, AT_COUNT };

struct queue_entry {
    char *id;
    enum queue_place at;
    int is_known; /* a job of this id was met */
};

struct queue_index {
    struct queue_entry *items;
    size_t n, capacity;
    size_t n_at[AT_COUNT];
};

struct job_snapshot;
void queue_index_add(struct queue_index *s, const char *id, enum queue_place at);
/* After the last queue_index_add(), before the first queue_index_fill(). */
void queue_index_sort(struct queue_index *s);
/* Writes into the snapshot how often its id stands where, and marks the id as known. */
void queue_index_fill(struct queue_index *s, struct job_snapshot *snapshot);
void queue_index_release(struct queue_index *s);

/* ---- what was walked ------------------------------------------------------------------------- */

enum kind {
    KIND_UNSETTLED,
    KIND_DELIVERED,
    KIND_PAYMENT_FAILED,
    KIND_CANCELLED,
    KIND_UPDATE,
    KIND_OTHER,
    KIND_COUNT
};

struct walked {
    char *id;
    char *payment_key; /* NULL = none */
    enum kind kind;
};

struct entry {
    char *key; /* the payment key */
    int64_t captures, refunds;
    int64_t ttl_ms; /* -1: it never expires */
};

struct fsck {
    struct ctl *c;
    struct findings findings;
    struct names lists; /* workers that are registered or have an active list */
    struct queue_index queue;
    struct walked *jobs;
    size_t n_jobs, jobs_capacity;
    struct entry *entries;
    size_t n_entries, entries_capacity;
    size_t n_idem, n_user_lists, n_index, n_workers;
    size_t n_rechecked;
    size_t n_user_expired, n_index_expired, n_idem_expired, n_entries_expired;
    size_t n_kind[KIND_COUNT];
    struct kept kept;
    int64_t forgotten_to_ms; /* orders placed until then may have been let go to make room */
};

/* Takes a close look at one job and adds what is wrong with it, at one moment. */
void fsck_recheck(struct fsck *f, const char *id);

/* In this order; each adds to the findings. */
void walk_library(struct fsck *f);
void walk_side_tables(struct fsck *f); /* ledger, active lists, Idempotency-Keys, users' lists */
void walk_queue(struct fsck *f);       /* who stands where */
void walk_jobs(struct fsck *f);        /* orders and updates */
void walk_orphaned(struct fsck *f);    /* what stands in the queue and is no job */
void walk_index(struct fsck *f);
void walk_ledger(struct fsck *f); /* entries without an order, orders with the same key */

/* ---- counters -------------------------------------------------------------------------------- */

struct counts {
    int64_t placed, settled, delivered, payment_failed, cancelled;
};
void counts_read(struct ctl *c, struct counts *ret);
/* Do the counters agree with one another, and with the places, at this moment? */
void counts_check(struct ctl *c, struct findings *findings);
/* Do they agree with what was walked between two readings? */
void counts_compare(struct fsck *f, const struct counts *before, const struct counts *after);

/* ---- repairs --------------------------------------------------------------------------------- */

/* Does what is safe, looks again, and writes the findings' results. */
void repair_all(struct fsck *f);

#endif
