/* pause and resume: may workers take jobs? */
#include <json-c/json.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"

/* After pausing or resuming: says how it is now; text: for people. */
static int print_pause(struct rds_sync *redis, const struct options *options, const char *text)
{
    struct redisReply *since = redis_ask(redis, command_paused);
    if (options->is_json) {
        struct json_object *document = json_object_new_object();
        json_add_bool(document, "paused", rds_str(since) != NULL);
        doc_add_text(document, "paused_at", rds_str(since));
        out_json(stdout, document);
        json_object_put(document);
    } else {
        puts(text);
    }
    rds_sync_free(since);
    return EXIT_OK;
}

int cmd_pause(struct rds_sync *redis, const struct options *options)
{
    rds_sync_free(redis_ask(redis, command_pause));
    return print_pause(redis, options,
                       "Paused: orders are accepted, workers take nothing new and finish what they "
                       "hold.");
}

int cmd_resume(struct rds_sync *redis, const struct options *options)
{
    rds_sync_free(redis_ask(redis, command_resume));
    return print_pause(redis, options, "Resumed: workers take jobs again.");
}
