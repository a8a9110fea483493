/* What requeue, discard and settle share: each asks a Redis function to do something to one dead
 * job. */
#ifndef TIFFIN_CTL_DEAD_JOB_H
#define TIFFIN_CTL_DEAD_JOB_H

struct options;
struct rds_sync;
struct redisReply;

/* reply: what the function answered for options->argument: a word, and the next step unless what
 * stands there is no text; it is freed. When the word is `done`, prints that and returns EXIT_OK;
 * else says why not, and ends the program. */
int dead_job_finish(struct rds_sync *redis, const struct options *options, struct redisReply *reply,
                    const char *done);

#endif
