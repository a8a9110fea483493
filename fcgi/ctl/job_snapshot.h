/* One job (an order, or an update to be broadcast) with all that belongs to it, read at one moment:
 * a MULTI, so that nothing can move in between. */
#ifndef TIFFIN_CTL_JOB_SNAPSHOT_H
#define TIFFIN_CTL_JOB_SNAPSHOT_H

#include <stdint.h>

struct names;
struct rds_sync;
struct redisReply;

/* Where in the queue a job may be. Orphaned: in the active list of a worker that is not
 * registered, so that no reaper looks there. */
enum queue_place { AT_READY, AT_ACTIVE, AT_ORPHANED, AT_DELAYED, AT_DEAD, AT_COUNT };

/* All replies may be NULL. fsck's walk, and tests, fill in one themselves. */
struct job_snapshot {
    const char *id;                  /* borrowed */
    const struct redisReply *hash;   /* HGETALL; empty: there is no such job */
    const struct redisReply *ledger; /* HGETALL of the payment gateway's entry; NULL = no payment */
    int64_t now_ms;                  /* Redis' time, or a little earlier */
    int64_t ttl_ms;                  /* PTTL: -1 none, -2 there is no such job */
    int is_indexed;
    int n_at[AT_COUNT];      /* how often it is in each place */
    int64_t due_ms, dead_ms; /* since the epoch; 0 = not delayed, not dead */
    char worker[128];        /* in whose list it is; "" = in none */

    struct redisReply *owned; /* what snapshot_release() frees */
};

/* Reads it from Redis; ends the program where that fails (redis.h). workers: such that may have an
 * active list without being registered, NULL = none. The caller releases it. */
void snapshot_read(struct rds_sync *redis, const char *id, const struct names *workers,
                   struct job_snapshot *ret);
void snapshot_release(struct job_snapshot *snapshot);

/* The answer of the MULTI that was asked with these workers and this payment key ("" = none).
 * 0: ret borrows from the reply and owns nothing. -EAGAIN: it does not see all, because a worker
 * or a payment key has come since; ret is untouched. Pure. */
int snapshot_parse(const struct redisReply *all, const struct names *workers,
                   const char *payment_key, struct job_snapshot *ret);

/* In how many places it is, all together. */
int snapshot_n_places(const struct job_snapshot *snapshot);
/* "ready", "active" (also when orphaned), "delayed", "dead", "nowhere", or "several" when it is in
 * more than one. */
const char *snapshot_place(const struct job_snapshot *snapshot);
/* Is there nothing more to come, by its step? */
int snapshot_is_over(const struct job_snapshot *snapshot);

#endif
