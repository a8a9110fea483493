/* discard <id>: a dead job is given up. */
#include "ctl/ctl.h"
#include "ctl/dead_job.h"
#include "ctl/options.h"
#include "ctl/redis.h"

int cmd_discard(struct rds_sync *redis, const struct options *options)
{
    struct redisReply *reply = redis_ask_id(redis, command_discard, options->argument);
    return dead_job_finish(redis, options, reply, "discarded");
}
