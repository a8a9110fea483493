/* requeue --all: every dead job goes on, or those that died for one reason: the undo of an outage.
 * Page by page, each job by its own call of the function that one id is requeued with, so whatever
 * changes meanwhile is seen there, and passed over. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"
#include "order/store.h"

#define PAGE 100 /* jobs asked about in one go */

struct requeuing {
    struct rds_sync *redis;
    struct json_object *rows;
    int64_t n_requeued, n_left;
};

/* Forgets those of the page whose reason does not hold this text; NULL = none of them. */
static void select_by_reason(struct rds_sync *redis, const char *ids[], size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        struct redis_command cmd;
        command_job_fields(&cmd, ids[i], "dead_reason");
        rds_sync_queue(redis, &cmd);
    }
    for (size_t i = 0; i < n; i++) {
        struct redisReply *reply = redis_next(redis);
        const char *reason = rds_str(rds_at(reply, 0));
        if (text && (!reason || !strstr(reason, text)))
            ids[i] = NULL;
        rds_sync_free(reply);
    }
}

static void add_result(struct requeuing *r, const char *id, const struct redisReply *reply)
{
    const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
    struct json_object *row = json_object_new_object();
    int is_requeued = strcmp(word, "requeued") == 0, is_gone = strcmp(word, "not_dead") == 0;
    doc_add_text(row, "id", id);
    json_add_bool(row, "requeued", is_requeued);
    doc_add_text(row, "step", is_requeued ? what : NULL);
    if (is_requeued)
        doc_add_null(row, "why");
    else if (is_gone)
        doc_add_text(row, "why", "it is not dead any more");
    else if (strcmp(word, "past_gateway") == 0)
        doc_add_text(row, "why", "its payment is older than the gateway remembers: settle it");
    else
        doc_add_text(row, "why", rds_sync_error(r->redis));
    json_object_array_add(r->rows, row);
    r->n_requeued += is_requeued;
    r->n_left += !is_requeued && !is_gone;
}

static void requeue_page(struct requeuing *r, const char *ids[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i])
            redis_queue_id(r->redis, command_requeue, ids[i]);
    for (size_t i = 0; i < n; i++) {
        if (!ids[i])
            continue;
        struct redisReply *reply = redis_next(r->redis);
        add_result(r, ids[i], reply);
        rds_sync_free(reply);
    }
}

/* The dead of one moment: what dies again meanwhile is not requeued a second time. */
static void requeue_dead(struct requeuing *r, const char *reason)
{
    static const struct queue_part DEAD = {SHARD_HOME, QUEUE_DEAD, NULL};
    struct redis_command cmd;
    command_queue_range(&cmd, &DEAD, 0, -1);
    struct redisReply *dead = redis_call(r->redis, &cmd);
    size_t n = rds_len(dead) / 2; /* id, time, id, time … */
    for (size_t from = 0; from < n; from += PAGE) {
        const char *ids[PAGE];
        size_t n_page = 0;
        for (size_t i = from; i < n && n_page < PAGE; i++)
            if (rds_str(rds_at(dead, 2 * i)))
                ids[n_page++] = rds_str(rds_at(dead, 2 * i));
        select_by_reason(r->redis, ids, n_page, reason);
        requeue_page(r, ids, n_page);
    }
    rds_sync_free(dead);
}

static void print_result(const struct requeuing *r)
{
    static const struct column COLUMNS[] = {{"ID", "id", COLUMN_TEXT},
                                            {"STEP", "step", COLUMN_TEXT},
                                            {"NOT, BECAUSE", "why", COLUMN_TEXT}};
    if (json_object_array_length(r->rows) > 0) {
        out_table(stdout, r->rows, COLUMNS, 3, 0);
        putchar('\n');
    }
    printf("%lld requeued, %lld left dead.\n", (long long)r->n_requeued, (long long)r->n_left);
}

int cmd_requeue_all(struct rds_sync *redis, const struct options *options)
{
    struct requeuing r = {.redis = redis, .rows = json_object_new_array()};
    requeue_dead(&r, options->reason);
    if (options->is_json) {
        struct json_object *document = json_object_new_object();
        json_add_int(document, "requeued", r.n_requeued);
        json_add_int(document, "left", r.n_left);
        json_object_object_add(document, "jobs", r.rows);
        out_json(stdout, document);
        json_object_put(document);
    } else {
        print_result(&r);
        json_object_put(r.rows);
    }
    return r.n_left ? EXIT_FAILED : EXIT_OK;
}
