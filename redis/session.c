#include "session.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <time.h>

#include "tool.h"

enum {
    CONNECT_TIMEOUT_S = 2,
    COMMAND_TIMEOUT_S = 10,
    RETRY_MS = 100,
    MAX_WHY_BYTES = 160,
};

void add(struct command *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        die("cannot format an argument");
    char *arg = must_alloc(malloc((size_t)len + 1));
    va_start(args, format);
    (void)vsnprintf(arg, (size_t)len + 1, format, args);
    va_end(args);
    cmd->args = must_alloc(realloc(cmd->args, (cmd->n_args + 1) * sizeof *cmd->args));
    cmd->args[cmd->n_args++] = arg;
}

static void command_release(struct command *cmd)
{
    for (size_t i = 0; i < cmd->n_args; i++)
        free(cmd->args[i]);
    free(cmd->args);
    *cmd = (struct command){NULL, 0};
}

/* Sends the command and empties it. The reply, to be freed by the caller, may be an error; NULL
 * when the connection is lost. */
static redisReply *try_call(redisContext *redis, struct command *cmd)
{
    redisReply *reply = redisCommandArgv(redis, (int)cmd->n_args, (const char **)cmd->args, NULL);
    command_release(cmd);
    return reply;
}

redisReply *session_call(redisContext *redis, struct command *cmd, const char *what)
{
    redisReply *reply = try_call(redis, cmd);
    if (reply == NULL)
        die("%s: lost Redis: %s", what, redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        die("%s: %s", what, reply->str);
    return reply;
}

void session_do(redisContext *redis, struct command *cmd, const char *what)
{
    freeReplyObject(session_call(redis, cmd, what));
}

static bool is_socket_path(const char *target)
{
    return strchr(target, '/') != NULL || strrchr(target, ':') == NULL;
}

static redisContext *open_tcp(const char *target, struct timeval timeout)
{
    char host[MAX_PATH_BYTES];
    const char *colon = strrchr(target, ':');
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535 || colon == target)
        die("TIFFIN_REDIS must be the path of a socket or host:port, not %s", target);
    bool is_bracketed = target[0] == '[' && colon[-1] == ']';
    int host_len = (int)(colon - target) - (is_bracketed ? 2 : 0);
    set_path(host, "%.*s", host_len, target + (is_bracketed ? 1 : 0));
    return redisConnectWithTimeout(host, (int)port, timeout);
}

/* Signs in and sees whether Redis answers. 0, or -1 and why when it may do so later; dies when
 * waiting would not help. */
static int sign_in(redisContext *redis, const char *password, char why[MAX_WHY_BYTES])
{
    struct command steps[2] = {{NULL, 0}, {NULL, 0}};
    int result = 0;

    add(&steps[0], "AUTH");
    add(&steps[0], "admin");
    add(&steps[0], "%s", password);
    add(&steps[1], "PING");
    for (size_t i = 0; i < 2; i++) {
        if (result != 0) {
            command_release(&steps[i]);
            continue;
        }
        redisReply *reply = try_call(redis, &steps[i]);
        if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
            (void)snprintf(why, MAX_WHY_BYTES, "%s", reply != NULL ? reply->str : redis->errstr);
            result = -1;
        }
        freeReplyObject(reply);
    }
    if (result != 0 && (strncmp(why, "WRONGPASS", 9) == 0 || strncmp(why, "NOPERM", 6) == 0))
        die("Redis does not let admin in with the password of the secrets folder: %s", why);
    return result;
}

/* One attempt; NULL and why when Redis is not there yet. */
static redisContext *try_open(const char *target, const char *password, char why[MAX_WHY_BYTES])
{
    struct timeval timeout = {CONNECT_TIMEOUT_S, 0};
    redisContext *redis =
        must_alloc(is_socket_path(target) ? redisConnectUnixWithTimeout(target, timeout)
                                          : open_tcp(target, timeout));
    if (redis->err != 0) {
        (void)snprintf(why, MAX_WHY_BYTES, "%s", redis->errstr);
    } else {
        (void)redisSetTimeout(redis, (struct timeval){COMMAND_TIMEOUT_S, 0});
        if (sign_in(redis, password, why) == 0)
            return redis;
    }
    redisFree(redis);
    return NULL;
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

redisContext *session_open(const char *target, const char *secrets_dir, int wait_s)
{
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    int64_t deadline_ms = monotonic_ms() + (int64_t)wait_s * 1000;
    char *password = read_password(secrets_dir);
    char why[MAX_WHY_BYTES] = "";
    redisContext *redis;

    while ((redis = try_open(target, password, why)) == NULL) {
        if (monotonic_ms() >= deadline_ms)
            die("no Redis at %s after %d s: %s", target, wait_s, why);
        (void)nanosleep(&pause, NULL);
    }
    explicit_bzero(password, strlen(password));
    free(password);
    return redis;
}
