/* requeue, discard, settle, pause, resume: what people do to the queue. Each is one Redis function.
 */
#include <json-c/json.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/job_snapshot.h"
#include "ctl/output.h"
#include "order/keys.h"
#include "order/order.h"
#include "order/store.h"

/* Says why it was not done, and ends. */
__attribute__((noreturn)) static void refuse(struct ctl *c, const struct redisReply *reply)
{
    struct job_snapshot snapshot;
    const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
    if (strcmp(word, "past_gateway") == 0)
        ctl_die("%s: its payment is of %s, which the gateway may have forgotten: look into its "
                "books, then settle it",
                c->argument, what ? what : "-");
    if (strcmp(word, "misfit") == 0)
        ctl_die("%s: a payment that is %s cannot have become %s", c->argument,
                what && *what ? what : "none", c->money);
    snapshot_read(c, c->argument, NULL, &snapshot);
    const char *kind = job_is_update(c->argument) ? "update" : "order";
    if (rds_len(snapshot.hash) == 0)
        ctl_die("there is no %s %s", kind, c->argument);
    if (snapshot_is_over(&snapshot))
        ctl_die("%s is not dead: it is over", c->argument);
    ctl_die("%s is not dead: its job is %s", c->argument, snapshot_place(&snapshot));
}

static void answer(struct ctl *c, const char *done, const char *step)
{
    if (c->is_json) {
        struct json_object *document = json_object_new_object();
        add_text(document, "id", c->argument);
        add_bool(document, done, 1);
        add_text(document, "step", step && *step ? step : NULL);
        out_json(stdout, document);
        json_object_put(document);
    } else if (step && *step) {
        printf("%s: %s; the next step is %s\n", c->argument, done, step);
    } else {
        printf("%s: %s\n", c->argument, done);
    }
}

int cmd_requeue(struct ctl *c)
{
    if (c->is_all)
        return requeue_all(c);
    struct redisReply *reply = ask(c, "FCALL", FN_REQUEUE, "4", key_of_job(c->argument).text,
                                   KEY_READY, KEY_DEAD, KEY_EVENTS, c->argument);
    if (strcmp(store_word(reply), "requeued") != 0)
        refuse(c, reply);
    answer(c, "requeued", rds_str(rds_at(reply, 1)));
    rds_sync_free(reply);
    return EXIT_OK;
}

int cmd_discard(struct ctl *c)
{
    struct redisReply *reply = ask(c, "FCALL", FN_DISCARD, "5", key_of_job(c->argument).text,
                                   KEY_READY, KEY_DEAD, KEY_EVENTS, KEY_COUNT, c->argument);
    if (strcmp(store_word(reply), "discarded") != 0)
        refuse(c, reply);
    answer(c, "discarded", rds_str(rds_at(reply, 1)));
    rds_sync_free(reply);
    return EXIT_OK;
}

int cmd_settle(struct ctl *c)
{
    struct kept kept;
    struct rds_args cmd = RDS_ARGS_INIT;
    ask_kept(c, &kept);
    rds_arg(&cmd, "FCALL");
    rds_arg(&cmd, FN_SETTLE);
    rds_arg(&cmd, "5");
    rds_arg(&cmd, "%s", key_of_job(c->argument).text);
    rds_arg(&cmd, KEY_DEAD);
    rds_arg(&cmd, KEY_EVENTS);
    rds_arg(&cmd, KEY_COUNT);
    rds_arg(&cmd, KEY_FACTS);
    rds_arg(&cmd, "%s", c->argument);
    rds_arg(&cmd, "%s", c->money);
    rds_arg(&cmd, "%lld", (long long)kept.now_s);
    struct redisReply *reply = ask_args(c, &cmd);
    if (strcmp(store_word(reply), "settled") != 0)
        refuse(c, reply);
    answer(c, "settled", NULL);
    rds_sync_free(reply);
    return EXIT_OK;
}

static int set_pause(struct ctl *c, const char *function, const char *text)
{
    rds_sync_free(ask(c, "FCALL", function, "1", KEY_PAUSED));
    struct redisReply *since = ask(c, "GET", KEY_PAUSED);
    if (c->is_json) {
        struct json_object *document = json_object_new_object();
        add_bool(document, "paused", rds_str(since) != NULL);
        add_text(document, "paused_at", rds_str(since));
        out_json(stdout, document);
        json_object_put(document);
    } else {
        puts(text);
    }
    rds_sync_free(since);
    return EXIT_OK;
}

int cmd_pause(struct ctl *c)
{
    return set_pause(c, FN_PAUSE,
                     "Paused: orders are accepted, workers take nothing new and finish what they "
                     "hold.");
}

int cmd_resume(struct ctl *c)
{
    return set_pause(c, FN_RESUME, "Resumed: workers take jobs again.");
}
