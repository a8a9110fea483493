/* settle <id>: a dead order ends by what a person found in the payment gateway's books. */
#include "ctl/ctl.h"
#include "ctl/dead_job.h"
#include "ctl/options.h"
#include "ctl/redis.h"

int cmd_settle(struct rds_sync *redis, const struct options *options)
{
    struct kept kept;
    struct redis_command cmd;
    redis_kept(redis, &kept);
    command_settle(&cmd, options->argument, options->money, kept.now_s);
    return dead_job_finish(redis, options, redis_call(redis, &cmd), "settled");
}
