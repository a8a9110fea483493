#include "ctl/dead_job.h"

#include <json-c/json.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/job_snapshot.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"
#include "order/store.h"

/* Says why it was not done, and ends. */
__attribute__((noreturn)) static void refuse(struct rds_sync *redis, const struct options *options,
                                             const struct redisReply *reply)
{
    struct job_snapshot snapshot;
    const char *id = options->argument;
    const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
    if (strcmp(word, "past_gateway") == 0)
        ctl_die("%s: its payment is of %s, which the gateway may have forgotten: look into its "
                "books, then settle it",
                id, what ? what : "-");
    if (strcmp(word, "misfit") == 0)
        ctl_die("%s: a payment that is %s cannot have become %s", id, what && *what ? what : "none",
                options->money);
    snapshot_read(redis, id, NULL, &snapshot);
    if (rds_len(snapshot.hash) == 0)
        ctl_die("there is no %s %s", job_is_update(id) ? "update" : "order", id);
    if (snapshot_is_over(&snapshot))
        ctl_die("%s is not dead: it is over", id);
    ctl_die("%s is not dead: its job is %s", id, snapshot_place(&snapshot));
}

/* step: the next one; NULL or "" = none. */
static void print_done(const struct options *options, const char *done, const char *step)
{
    const char *id = options->argument;
    if (options->is_json) {
        struct json_object *document = json_object_new_object();
        doc_add_text(document, "id", id);
        json_add_bool(document, done, 1);
        doc_add_text(document, "step", step && *step ? step : NULL);
        out_json(stdout, document);
        json_object_put(document);
    } else if (step && *step) {
        printf("%s: %s; the next step is %s\n", id, done, step);
    } else {
        printf("%s: %s\n", id, done);
    }
}

int dead_job_finish(struct rds_sync *redis, const struct options *options, struct redisReply *reply,
                    const char *done)
{
    if (strcmp(store_word(reply), done) != 0)
        refuse(redis, options, reply);
    print_done(options, done, rds_str(rds_at(reply, 1)));
    rds_sync_free(reply);
    return EXIT_OK;
}
