/* The loader's conversation with Redis, as admin: base/rds_sync.h, where everything that goes wrong
 * ends the program with one clear line. */
#ifndef TIFFIN_REDIS_SESSION_H
#define TIFFIN_REDIS_SESSION_H

#include "base/rds_sync.h"

/* Signs in with the password in secrets_dir/admin. Tries again for wait_s seconds while Redis is
 * not there or still reads its data; dies when that is over, or when waiting would not help. The
 * caller rds_sync_close()s it. */
struct rds_sync *session_open(const char *target, const char *secrets_dir, int wait_s);

/* Send a command and wait. Return a reply that is no error, to be read with the accessors of
 * base/rds.h and freed with rds_sync_free(); die on any other, saying `what` we were doing. */
struct redisReply *session_call(struct rds_sync *redis,
                                struct redis_command *cmd, /* releases cmd */
                                const char *what);
struct redisReply *session_callv(struct rds_sync *redis, const char *what, size_t n,
                                 const char *const argv[]);
#define session_ask(redis, what, ...) \
    session_callv((redis), (what), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                  (const char *const[]){__VA_ARGS__})

/* session_call() whose reply says nothing more. */
void session_do(struct rds_sync *redis, struct redis_command *cmd, const char *what);

#endif
