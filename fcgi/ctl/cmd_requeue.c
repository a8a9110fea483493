/* requeue <id>: a dead job goes on at the step it had. */
#include "ctl/ctl.h"
#include "ctl/dead_job.h"
#include "ctl/options.h"
#include "ctl/redis.h"

int cmd_requeue(struct rds_sync *redis, const struct options *options)
{
    if (options->is_all)
        return cmd_requeue_all(redis, options);
    struct redisReply *reply = redis_ask_id(redis, command_requeue, options->argument);
    return dead_job_finish(redis, options, reply, "requeued");
}
