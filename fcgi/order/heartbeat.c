#include "order/heartbeat.h"

#include <errno.h>
#include <string.h>

#include "base/rds.h"
#include "base/rds_sync.h"
#include "order/commands.h"
#include "order/shard.h"

/* 1, 0 or -EIO. */
static int is_beating(struct rds_sync *redis, const char *worker)
{
    struct redis_command cmd;
    int64_t n;
    command_workers_alive(&cmd, SHARD_HOME, &(struct id_list){&worker, 1});
    struct redisReply *reply = rds_sync_call(redis, &cmd);
    int is_there = reply && rds_int(reply, &n) == 0 ? n > 0 : -EIO;
    rds_sync_free(reply);
    return is_there;
}

int heartbeat_of_workers(struct rds_sync *redis, const char *prefix)
{
    struct redis_command cmd;
    command_workers(&cmd, SHARD_HOME);
    struct redisReply *workers = rds_sync_call(redis, &cmd);
    int found = workers ? 0 : -EIO;
    for (size_t i = 0; i < rds_len(workers) && found == 0; i++) {
        const char *id = rds_str(rds_at(workers, i));
        if (id && strncmp(id, prefix, strlen(prefix)) == 0)
            found = is_beating(redis, id);
    }
    rds_sync_free(workers);
    return found > 0 ? 0 : found < 0 ? found : -ENOENT;
}
