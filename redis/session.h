/*
 * session.h - a synchronous conversation with Redis, as admin. Synchronous, for this is the one
 * program of Tiffin that has nothing else to do meanwhile.
 */
#ifndef TIFFIN_REDIS_SESSION_H
#define TIFFIN_REDIS_SESSION_H

#include <stddef.h>

#include <hiredis/hiredis.h>

/* A command in the making: zero-initialise, add(), then session_call(), which empties it. */
struct command {
    char **args;
    size_t n_args;
};

/* Adds one argument, made by a printf format. */
__attribute__((format(printf, 2, 3))) void add(struct command *cmd, const char *format, ...);

/* Connects to a unix socket's path or host:port and signs in with the password in
 * secrets_dir/admin. Tries again for wait_s seconds while Redis is not there or still reads its
 * data; dies when that is over, or when waiting would not help. The caller redisFree()s it. */
redisContext *session_open(const char *target, const char *secrets_dir, int wait_s);

/* Sends a command. Only a good reply comes back, for the caller to free; else it dies, saying what
 * we were doing. */
redisReply *session_call(redisContext *redis, struct command *cmd, const char *what);

/* The same, for a reply nobody reads. */
void session_do(redisContext *redis, struct command *cmd, const char *what);

#endif
