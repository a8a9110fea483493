#include "base/rds_sync.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/redis_address.h"

#define CONNECT_TIMEOUT_S 2
#define COMMAND_TIMEOUT_S 10
#define RETRY_MS 100
#define ERROR_SIZE 256
#define SENTINEL_TIMEOUT_MS 300
#define PASSWORD_MAX 128

struct rds_sync {
    redisContext *redis;
    char error[ERROR_SIZE];
};

/* ---- commands and answers ------------------------------------------------------------------ */

/* What came back: a good reply, or NULL and the error noted. */
static redisReply *judge(struct rds_sync *r, redisReply *reply)
{
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    snprintf(r->error, sizeof r->error, "%s", reply ? reply->str : r->redis->errstr);
    freeReplyObject(reply);
    return NULL;
}

void rds_sync_queue(struct rds_sync *r, struct redis_command *cmd)
{
    (void)redisAppendCommandArgv(r->redis, (int)cmd->n, cmd->argv, cmd->lengths);
    command_release(cmd);
}

struct redisReply *rds_sync_next(struct rds_sync *r)
{
    void *reply = NULL;
    if (!rds_sync_is_lost(r))
        (void)redisGetReply(r->redis, &reply);
    return judge(r, reply);
}

struct redisReply *rds_sync_call(struct rds_sync *r, struct redis_command *cmd)
{
    rds_sync_queue(r, cmd);
    return rds_sync_next(r);
}

struct redisReply *rds_sync_callv(struct rds_sync *r, size_t n, const char *const argv[])
{
    struct redis_command cmd;
    command_set(&cmd, n, argv);
    return rds_sync_call(r, &cmd);
}

const char *rds_sync_error(const struct rds_sync *r)
{
    return r->error;
}

int rds_sync_is_lost(const struct rds_sync *r)
{
    return r->redis->err != 0;
}

void rds_sync_free(struct redisReply *reply)
{
    freeReplyObject(reply);
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void give_up(struct rds_sync *r)
{
    redisFree(r->redis);
    r->redis = NULL;
}

/* Signs in and sees whether Redis answers. 0; -EACCES; -EAGAIN: perhaps later. */
static int sign_in(struct rds_sync *r, const struct rds_sync_options *o)
{
    struct redisReply *reply = rds_sync_ask(r, "AUTH", o->user, o->password);
    if (reply) {
        rds_sync_free(reply);
        reply = rds_sync_ask(r, "PING");
    }
    int is_in = reply != NULL;
    rds_sync_free(reply);
    if (is_in)
        return 0;
    int is_refused = strncmp(r->error, "WRONGPASS", 9) == 0 || strncmp(r->error, "NOPERM", 6) == 0;
    return is_refused ? -EACCES : -EAGAIN;
}

static int ask_sentinel(const struct address *at, const char *name, struct address *ret)
{
    const struct timeval timeout = {0, SENTINEL_TIMEOUT_MS * 1000};
    char password[PASSWORD_MAX];
    int err = -EAGAIN;
    redisContext *c = redisConnectWithTimeout(at->name, at->port, timeout);
    if (c && !c->err && redisSetTimeout(c, timeout) == REDIS_OK) {
        if (conf_secret("sentinel-client", password, sizeof password) == 0)
            freeReplyObject(redisCommand(c, "AUTH sentinel-client %s", password));
        redisReply *reply = redisCommand(c, "SENTINEL get-master-addr-by-name %s", name);
        err = redis_address_told(reply, ret) ? -EAGAIN : 0;
        freeReplyObject(reply);
    }
    if (c)
        redisFree(c);
    return err;
}

/* Where the master is now: 0, or -EAGAIN and the error noted. */
static int find(struct rds_sync *r, const struct redis_address *a, int shard, struct address *ret)
{
    if (a->fixed)
        return redis_address_fixed(a, shard, ret);
    int err = -EAGAIN;
    char *name = redis_address_name(a, shard);
    for (size_t i = 0; err && i < a->n_sentinels; i++)
        err = ask_sentinel(&a->sentinels[i], name, ret);
    if (err)
        snprintf(r->error, sizeof r->error, "no sentinel knows a master called %.100s", name);
    free(name);
    return err;
}

/* An old master may not know yet that it is one no more. */
static int see_master(struct rds_sync *r)
{
    struct redisReply *reply = rds_sync_ask(r, "ROLE");
    const char *role = rds_str(rds_at(reply, 0));
    int is_master = role && strcmp(role, "master") == 0;
    if (role && !is_master)
        snprintf(r->error, sizeof r->error, "it is a %.20s, not a master", role);
    rds_sync_free(reply);
    return is_master ? 0 : -EAGAIN;
}

/* One attempt: 0, -EACCES or -EAGAIN, and the error noted. A replica will do only where it was
 * asked for by its address: what it has can be looked at. */
static int attempt(struct rds_sync *r, const struct rds_sync_options *o,
                   const struct redis_address *a)
{
    const struct timeval connect = {CONNECT_TIMEOUT_S, 0}, command = {COMMAND_TIMEOUT_S, 0};
    struct address to;
    if (find(r, a, o->shard, &to))
        return -EAGAIN;
    r->redis = to.port ? redisConnectWithTimeout(to.name, to.port, connect)
                       : redisConnectUnixWithTimeout(to.name, connect);
    if (!r->redis) {
        snprintf(r->error, sizeof r->error, "out of memory");
        return -EAGAIN;
    }
    int err = -EAGAIN;
    if (r->redis->err) {
        snprintf(r->error, sizeof r->error, "%s", r->redis->errstr);
    } else {
        (void)redisSetTimeout(r->redis, command);
        err = sign_in(r, o);
        if (!err && !a->fixed)
            err = see_master(r);
    }
    if (err)
        give_up(r);
    return err;
}

int rds_sync_open(const struct rds_sync_options *options, struct rds_sync **ret, char *error,
                  size_t error_size)
{
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    int64_t deadline_ms = clock_mono_ms() + (int64_t)options->wait_s * 1000;
    struct redis_address address;
    if (redis_address_parse(options->address, &address)) {
        snprintf(error, error_size,
                 "TIFFIN_REDIS must be the path of a socket, host:port, or "
                 "sentinel://NAME@host:port,…, not %.100s",
                 options->address);
        return -EINVAL;
    }
    struct rds_sync *r = mem_calloc(1, sizeof *r);
    int err;
    while ((err = attempt(r, options, &address)) == -EAGAIN && clock_mono_ms() < deadline_ms)
        (void)nanosleep(&pause, NULL);
    redis_address_release(&address);
    if (err == 0) {
        *ret = r;
        return 0;
    }
    if (err == -EACCES)
        snprintf(error, error_size,
                 "Redis does not let %s in with the password of the secrets folder: %s",
                 options->user, r->error);
    else
        snprintf(error, error_size, "no Redis at %.100s after %d s: %.120s", options->address,
                 options->wait_s, r->error);
    rds_sync_close(r);
    return err == -EACCES ? -EACCES : -ETIMEDOUT;
}

void rds_sync_close(struct rds_sync *r)
{
    if (!r)
        return;
    if (r->redis)
        redisFree(r->redis);
    free(r);
}
