/* Whether workers are alive, asked synchronously: for tools and health checks. */
#ifndef TIFFIN_ORDER_HEARTBEAT_H
#define TIFFIN_ORDER_HEARTBEAT_H

struct rds_sync;

/* 0 when the heartbeat of a worker stands whose id begins with the prefix; -ENOENT when none does;
 * -EIO when Redis does not say (rds_sync_error() has why). */
int heartbeat_of_workers(struct rds_sync *redis, const char *prefix);

#endif
