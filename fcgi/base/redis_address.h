/* Where Redis is, as TIFFIN_REDIS writes it:
 *
 *   /run/redis.sock    redis-1:6379                                 this one
 *   sentinel://NAME@sentinel-1:26379,sentinel-2:26379               the master that Sentinel names
 *
 * A %d in the path, the host or NAME is the number of the shard; without one all shards are in the
 * same place. */
#ifndef TIFFIN_BASE_REDIS_ADDRESS_H
#define TIFFIN_BASE_REDIS_ADDRESS_H

#include <stddef.h>

#include "base/address.h"

struct redisReply;

#define REDIS_SENTINELS_MAX 16

struct redis_address {
    char *fixed; /* with its %d; NULL: ask the sentinels */
    char *name;  /* what they call the master, with its %d; NULL when it is fixed */
    struct address sentinels[REDIS_SENTINELS_MAX];
    size_t n_sentinels;
};

/* 0; or -EINVAL, -ENAMETOOLONG: there is nothing to release then. */
int redis_address_parse(const char *text, struct redis_address *ret);
void redis_address_release(struct redis_address *a);

/* Is there another place for each shard? */
int redis_address_is_by_shard(const struct redis_address *a);
/* Of a fixed one. 0, or as address_parse(). */
int redis_address_fixed(const struct redis_address *a, int shard, struct address *ret);
/* What the sentinels call the master of this shard; to be freed. */
char *redis_address_name(const struct redis_address *a, int shard);
/* What a sentinel answers to SENTINEL get-master-addr-by-name: ["10.0.0.7", "6379"], or nil where
 * it does not know the name. 0; -ENOENT. */
int redis_address_told(const struct redisReply *reply, struct address *ret);

#endif
