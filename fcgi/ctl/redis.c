#include "ctl/redis.h"

#include "base/conf.h"
#include "ctl/ctl.h"
#include "ctl/names.h"
#include "order/store.h"

#define STATS_ATTEMPTS 100 /* each fails only when a worker came or went at that very moment */

static struct redisReply *good(struct rds_sync *redis, struct redisReply *reply)
{
    if (!reply)
        ctl_die("%s%s",
                rds_sync_is_lost(redis) ? "lost Redis: " : "Redis says: ", rds_sync_error(redis));
    return reply;
}

struct redisReply *redis_call(struct rds_sync *redis, struct redis_command *cmd)
{
    return good(redis, rds_sync_call(redis, cmd));
}

struct redisReply *redis_ask(struct rds_sync *redis,
                             void (*build)(struct redis_command *cmd, int shard))
{
    struct redis_command cmd;
    build(&cmd, SHARD_HOME);
    return redis_call(redis, &cmd);
}

struct redisReply *redis_ask_id(struct rds_sync *redis, redis_build_fn build, const char *id)
{
    struct redis_command cmd;
    build(&cmd, id);
    return redis_call(redis, &cmd);
}

void redis_queue_id(struct rds_sync *redis, redis_build_fn build, const char *id)
{
    struct redis_command cmd;
    build(&cmd, id);
    rds_sync_queue(redis, &cmd);
}

struct redisReply *redis_next(struct rds_sync *redis)
{
    struct redisReply *reply = rds_sync_next(redis);
    return rds_sync_is_lost(redis) ? good(redis, reply) : reply;
}

/* ---- what several commands ask --------------------------------------------------------------- */

int64_t redis_time_ms(const struct redisReply *time)
{
    return rds_int_or(rds_at(time, 0), 0) * 1000 + rds_int_or(rds_at(time, 1), 0) / 1000;
}

int64_t redis_now_ms(struct rds_sync *redis)
{
    struct redis_command cmd;
    command_time(&cmd);
    struct redisReply *reply = redis_call(redis, &cmd);
    int64_t now_ms = redis_time_ms(reply);
    rds_sync_free(reply);
    return now_ms;
}

void redis_kept(struct rds_sync *redis, struct kept *ret)
{
    struct redisReply *reply = redis_ask(redis, command_kept);
    ret->now_s = rds_int_or(rds_at(reply, 0), (int64_t)conf.retention_days * 86400);
    ret->least_s = rds_int_or(rds_at(reply, 1), ret->now_s);
    rds_sync_free(reply);
}

void redis_workers(struct rds_sync *redis, struct names *names)
{
    struct redisReply *reply = redis_ask(redis, command_workers);
    for (size_t i = 0; i < rds_len(reply); i++)
        if (rds_str(rds_at(reply, i)))
            names_add(names, rds_str(rds_at(reply, i)));
    rds_sync_free(reply);
    names_sort(names);
}

void redis_stats(struct rds_sync *redis, struct store_stats *ret)
{
    for (int i = 0; i < STATS_ATTEMPTS; i++) {
        struct names workers = {0};
        struct redis_command cmd;
        redis_workers(redis, &workers);
        const struct id_list ids = names_ids(&workers);
        command_stats(&cmd, SHARD_HOME, &ids);
        struct redisReply *reply = redis_call(redis, &cmd);
        int err = store_stats_parse(reply, ret);
        rds_sync_free(reply);
        names_release(&workers);
        if (err == 0)
            return;
    }
    ctl_die("the workers come and go too fast to be counted, or the functions are of another "
            "version");
}
