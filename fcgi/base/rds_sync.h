/* A synchronous conversation with Redis, for tools that have nothing else to do meanwhile
 * (tiffin-load, tiffin-ctl): every call waits for its answer. No server may use this; rds.h is
 * theirs. Replies are read with the typed accessors of rds_reply.h and freed with rds_sync_free().
 *
 *   struct redis_command cmd;                     built as base/command.h says;
 *   reply = rds_sync_call(r, &cmd);         sent, and released; or, with the words at hand:
 *   reply = rds_sync_ask(r, "GET", key); */
#ifndef TIFFIN_BASE_RDS_SYNC_H
#define TIFFIN_BASE_RDS_SYNC_H

#include <stddef.h>

#include "base/command.h"
#include "base/rds_reply.h"

struct redisReply;
struct rds_sync;

struct rds_sync_options {
    const char *address; /* as TIFFIN_REDIS says it: redis_address.h */
    const char *user, *password;
    int wait_s; /* how long to try again while Redis is not there, or still reads its data */
    int shard;
};

/* Connects and signs in. 0; else one line in `error` (at least 256 bytes), and
 * -EINVAL: such an address cannot be; -EACCES: Redis does not let this user in; -ETIMEDOUT. */
int rds_sync_open(const struct rds_sync_options *options, struct rds_sync **ret, char *error,
                  size_t error_size);
/* NULL ok. */
void rds_sync_close(struct rds_sync *r);

/* Send a command and wait. NULL when Redis answered with an error, or the connection is lost: then
 * rds_sync_error() says why in one line, and every later call is lost too. */
struct redisReply *rds_sync_call(struct rds_sync *r, struct redis_command *cmd); /* releases cmd */
struct redisReply *rds_sync_callv(struct rds_sync *r, size_t n, const char *const argv[]);
#define rds_sync_ask(r, ...) \
    rds_sync_callv((r), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                   (const char *const[]){__VA_ARGS__})

/* Many commands, one journey: queue them, then take their answers in the same order. */
void rds_sync_queue(struct rds_sync *r, struct redis_command *cmd); /* releases cmd */
struct redisReply *rds_sync_next(struct rds_sync *r);               /* NULL as above */

const char *rds_sync_error(const struct rds_sync *r);
int rds_sync_is_lost(const struct rds_sync *r);

/* NULL ok. */
void rds_sync_free(struct redisReply *reply);

#endif
