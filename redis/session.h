/*
 * session.h - the loader's conversation with Redis, as admin: base/rds_sync.h, where everything
 * that goes wrong ends the program with one clear line.
 */
#ifndef TIFFIN_REDIS_SESSION_H
#define TIFFIN_REDIS_SESSION_H

#include <hiredis/hiredis.h>

#include "base/rds_sync.h"

/* Signs in with the password in secrets_dir/admin. Tries again for wait_s seconds while Redis is
 * not there or still reads its data; dies when that is over, or when waiting would not help. The
 * caller rds_sync_close()s it. */
struct rds_sync *session_open(const char *target, const char *secrets_dir, int wait_s);

/* Sends a command, which it empties. Only a good reply comes back, for the caller to free; else it
 * dies, saying what we were doing. */
redisReply *session_call(struct rds_sync *redis, struct rds_args *cmd, const char *what);

/* The same, for a reply nobody reads. */
void session_do(struct rds_sync *redis, struct rds_args *cmd, const char *what);

#endif
