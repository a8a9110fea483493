/* Asking Redis, for the commands of tiffin-ctl. Every call waits for its answer; an error reply or
 * a lost connection ends the program (ctl_die), unless it says otherwise. Replies are the caller's,
 * to be freed with rds_sync_free(). */
#ifndef TIFFIN_CTL_REDIS_H
#define TIFFIN_CTL_REDIS_H

#include <stdint.h>

#include "base/rds_sync.h"
#include "order/commands.h"
#include "order/shard.h"

/* ---- one command, or many at once ------------------------------------------------------------ */

/* Sends it, releases it, and returns its reply. */
struct redisReply *redis_call(struct rds_sync *redis, struct redis_command *cmd);
/* The same of a command that is of no id, as order/commands.h builds it. */
struct redisReply *redis_ask(struct rds_sync *redis,
                             void (*build)(struct redis_command *cmd, int shard));
/* The same of one that is of an id. */
typedef void (*redis_build_fn)(struct redis_command *cmd, const char *id);
struct redisReply *redis_ask_id(struct rds_sync *redis, redis_build_fn build, const char *id);

/* Queues it for redis_next(), as rds_sync_queue() does any. */
void redis_queue_id(struct rds_sync *redis, redis_build_fn build, const char *id);
/* The reply of the first queued command that has not been taken; NULL when it is an error reply
 * (rds_sync_error() says which). A lost connection ends the program. */
struct redisReply *redis_next(struct rds_sync *redis);

/* ---- what several commands ask --------------------------------------------------------------- */

/* Now, by Redis' clock, in ms since the epoch; and a reply of command_time() as that, 0 = none. */
int64_t redis_now_ms(struct rds_sync *redis);
int64_t redis_time_ms(const struct redisReply *time);

/* How long settled orders are kept, in seconds: the workers know, and say it in the store with each
 * order that is settled; until there is one, what our own environment says. */
struct kept {
    int64_t now_s;   /* the latest */
    int64_t least_s; /* the shortest that orders of the last 90 days were kept */
};
void redis_kept(struct rds_sync *redis, struct kept *ret);

/* Adds the registered workers to the names, and sorts these. */
struct names;
void redis_workers(struct rds_sync *redis, struct names *names);

/* Counters and places of one moment. */
struct store_stats;
void redis_stats(struct rds_sync *redis, struct store_stats *ret);

#endif
