/* What one run of fsck knows: the walks (walk.h) and the counters (counts.h) fill it, the repairs
 * (repair.h) act on it, cmd_fsck.c reports it. */
#ifndef TIFFIN_CTL_FSCK_H
#define TIFFIN_CTL_FSCK_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/findings.h"
#include "ctl/names.h"
#include "ctl/queue_index.h"
#include "ctl/redis.h"

/* What a walked job counts as. */
enum job_kind {
    KIND_UNSETTLED,
    KIND_DELIVERED,
    KIND_PAYMENT_FAILED,
    KIND_CANCELLED,
    KIND_UPDATE,
    KIND_OTHER,
    KIND_COUNT
};

struct walked_job {
    char *id;
    char *payment_key; /* NULL = none */
    enum job_kind kind;
};

/* An entry of the payment gateway's ledger. */
struct ledger_entry {
    char *payment_key;
    int64_t captures, refunds;
    int64_t ttl_ms; /* -1: it never expires */
};

/* One of zeros, but for `redis`, is what a run starts with. */
struct fsck {
    struct rds_sync *redis; /* borrowed */
    struct findings findings;
    struct names workers; /* that are registered or have an active list */
    struct queue_index queue;
    struct walked_job *jobs;
    size_t n_jobs, jobs_capacity;
    struct ledger_entry *entries;
    size_t n_entries, entries_capacity;
    size_t n_idem, n_user_lists, n_index, n_workers;
    size_t n_rechecked;
    size_t n_user_expired, n_index_expired, n_idem_expired, n_entries_expired;
    size_t n_kind[KIND_COUNT];
    struct kept kept;
    int64_t forgotten_to_ms; /* orders placed until then may have been let go to make room */
};

#endif
