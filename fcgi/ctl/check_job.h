/* What must be true of one job, wherever it is in its life. Pure: it reads a snapshot and says what
 * is wrong with it. The rules are those of redis/functions/tiffin/, read from outside. */
#ifndef TIFFIN_CTL_CHECK_JOB_H
#define TIFFIN_CTL_CHECK_JOB_H

#include <stdint.h>

struct findings;
struct job_snapshot;

/* How long a ledger entry lives after its last charge or refund (redis/functions/gateway.lua). */
#define LEDGER_KEEP_MS (INT64_C(90) * 86400 * 1000)
/* So much before the order's history says it, at most, was the gateway last asked. */
#define LEDGER_EARLIER_MS (INT64_C(86400) * 1000)

/* Adds a finding for each thing that is wrong. */
void check_job(const struct job_snapshot *snapshot, struct findings *found);

#endif
