#include "order/heartbeat.h"

#include <errno.h>
#include <string.h>

#include "base/rds.h"
#include "base/rds_sync.h"
#include "order/keys.h"

/* 1, 0 or -EIO. */
static int is_beating(struct rds_sync *redis, const char *worker)
{
    struct rds_args exists = RDS_ARGS_INIT;
    int64_t n;
    rds_arg(&exists, "EXISTS");
    rds_arg(&exists, KEY_WORKER_PREFIX "%s", worker);
    struct redisReply *reply = rds_sync_call(redis, &exists);
    int is_there = reply && rds_int(reply, &n) == 0 ? n > 0 : -EIO;
    rds_sync_free(reply);
    return is_there;
}

int heartbeat_of_workers(struct rds_sync *redis, const char *prefix)
{
    struct redisReply *workers = rds_sync_ask(redis, "SMEMBERS", KEY_WORKERS);
    int found = workers ? 0 : -EIO;
    for (size_t i = 0; i < rds_len(workers) && found == 0; i++) {
        const char *id = rds_str(rds_at(workers, i));
        if (id && strncmp(id, prefix, strlen(prefix)) == 0)
            found = is_beating(redis, id);
    }
    rds_sync_free(workers);
    return found > 0 ? 0 : found < 0 ? found : -ENOENT;
}
