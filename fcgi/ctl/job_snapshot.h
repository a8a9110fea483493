/* One job (an order, or an update to be broadcast) with all that belongs to it, read at one moment:
 * a MULTI, so that nothing can move in between. */
#ifndef TIFFIN_CTL_JOB_SNAPSHOT_H
#define TIFFIN_CTL_JOB_SNAPSHOT_H

#include <stdint.h>

struct ctl;
struct names;
struct redisReply;

/* All replies may be NULL. In the unit tests of check_job.c these are made by hand. */
struct job_snapshot {
    const char *id;
    const struct redisReply *hash;   /* HGETALL; empty: there is no such job */
    const struct redisReply *ledger; /* HGETALL of the gateway's entry under its payment key */
    int64_t now_ms;                  /* Redis' time, or a little earlier */
    int64_t ttl_ms;                  /* PTTL: -1 none, -2 there is no such job */
    int is_indexed;
    /* How often it stands where; n_orphaned: in the list of a worker that is not registered. */
    int n_ready, n_active, n_orphaned, n_delayed, n_dead;
    int64_t due_ms, dead_ms; /* 0 = not delayed, not dead */
    char worker[128];        /* whose list it is in; "" = none's */

    struct redisReply *owned; /* what snapshot_release() frees */
};

/* `lists`: workers that have an active list although they may not be registered; NULL = none. */
void snapshot_read(struct ctl *c, const char *id, const struct names *lists,
                   struct job_snapshot *ret);
void snapshot_release(struct job_snapshot *snapshot);

/* In how many places it stands, all together. */
int snapshot_n_places(const struct job_snapshot *snapshot);
/* "ready", "active", "delayed", "dead", "nowhere", or "several" when it is in more than one. */
const char *snapshot_place(const struct job_snapshot *snapshot);
/* Is there nothing more to come, by its step? */
int snapshot_is_over(const struct job_snapshot *snapshot);

#endif
