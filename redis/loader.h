/* What tiffin-load does in Redis, one after the other. Each dies on the first thing that is wrong,
 * and says on stdout what it did. */
#ifndef TIFFIN_REDIS_LOADER_H
#define TIFFIN_REDIS_LOADER_H

#include "base/rds_sync.h"
#include "redis/catalogue.h"
#include "redis/library.h"

/* Is Redis set up so that it loses no order? */
void loader_check_redis(struct rds_sync *redis);

/* FUNCTION LOAD REPLACE of each library, in their order. An error in one names its part and line;
 * those before it are loaded then. */
void loader_load_functions(struct rds_sync *redis, const struct libraries *libraries);

/* Writes the catalogue in one transaction: when there is none, or is_replacing. Restaurants that it
 * no longer has go, users stay. */
void loader_load_catalogue(struct rds_sync *redis, const struct catalogue *c, int is_replacing);

#endif
