/* Where is the master of shard k? Asked here and nowhere else: once for each process and each
 * setting that says where Redis is (redis_address.h), for all of its connections.
 *
 * A fixed address is the answer itself. Of the sentinels one is asked, every half second and
 * whenever a connection doubts (redis.io, "Guidelines for Redis clients with support for Redis
 * Sentinel"); one that is silent, or whose word did not hold, is followed by the next. Nobody is
 * believed: the connection sees for itself whether it has reached a master (ROLE, rds.h). */
#ifndef TIFFIN_BASE_WHERE_H
#define TIFFIN_BASE_WHERE_H

struct ev_loop;
struct rds_finder;

#define WHERE_SHARDS_MAX 100

/* For rds_options.finder. The same setting (a valid one: conf checks them; kept by reference) gives
 * the same finder, which lives until where_stop(). */
struct rds_finder *where(struct ev_loop *loop, const char *setting);
/* Forgets all of them, after the connections that used them were freed. */
void where_stop(void);

#endif
