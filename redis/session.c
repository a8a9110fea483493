#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum {
    MAX_WHY_BYTES = 512,
};

redisReply *session_call(struct rds_sync *redis, struct rds_args *cmd, const char *what)
{
    redisReply *reply = rds_sync_call(redis, cmd);
    if (reply == NULL)
        die("%s: %s%s", what, rds_sync_is_lost(redis) ? "lost Redis: " : "", rds_sync_error(redis));
    return reply;
}

void session_do(struct rds_sync *redis, struct rds_args *cmd, const char *what)
{
    rds_sync_free(session_call(redis, cmd, what));
}

static char *read_password(const char *secrets_dir)
{
    char path[MAX_PATH_BYTES];
    set_path(path, "%s/admin", secrets_dir);
    char *password = read_file(path).bytes;
    password[strcspn(password, "\r\n")] = '\0';
    if (password[0] == '\0')
        die("%s is empty: redis/make-users.sh makes it", path);
    return password;
}

struct rds_sync *session_open(const char *target, const char *secrets_dir, int wait_s)
{
    char *password = read_password(secrets_dir);
    struct rds_sync_options options = {target, "admin", password, wait_s};
    struct rds_sync *redis;
    char why[MAX_WHY_BYTES];

    if (rds_sync_open(&options, &redis, why, sizeof why) != 0)
        die("%s", why);
    explicit_bzero(password, strlen(password));
    free(password);
    return redis;
}
