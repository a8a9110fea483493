#include "redis/session.h"

#include <stdlib.h>
#include <string.h>

#include "redis/tool.h"

enum {
    MAX_WHY_BYTES = 512,
};

static struct redisReply *require(struct rds_sync *redis, struct redisReply *reply,
                                  const char *what)
{
    if (!reply)
        die("%s: %s%s", what, rds_sync_is_lost(redis) ? "lost Redis: " : "", rds_sync_error(redis));
    return reply;
}

struct redisReply *session_call(struct rds_sync *redis, struct redis_command *cmd, const char *what)
{
    return require(redis, rds_sync_call(redis, cmd), what);
}

struct redisReply *session_callv(struct rds_sync *redis, const char *what, size_t n,
                                 const char *const argv[])
{
    return require(redis, rds_sync_callv(redis, n, argv), what);
}

void session_do(struct rds_sync *redis, struct redis_command *cmd, const char *what)
{
    rds_sync_free(session_call(redis, cmd, what));
}

static char *read_password(const char *secrets_dir)
{
    char path[MAX_PATH_BYTES];
    set_path(path, "%s/admin", secrets_dir);
    char *password = read_file(path).bytes;
    password[strcspn(password, "\r\n")] = '\0';
    if (!*password)
        die("%s is empty: redis/make-users.sh makes it", path);
    return password;
}

struct rds_sync *session_open(const char *target, const char *secrets_dir, int wait_s)
{
    char *password = read_password(secrets_dir);
    struct rds_sync_options options = {
        .address = target, .user = "admin", .password = password, .wait_s = wait_s};
    struct rds_sync *redis;
    char why[MAX_WHY_BYTES];

    if (rds_sync_open(&options, &redis, why, sizeof why))
        die("%s", why);
    explicit_bzero(password, strlen(password));
    free(password);
    return redis;
}
