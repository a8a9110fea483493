/* jobs ready|active|delayed|dead: the jobs of one place, the next one first. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/doc.h"
#include "ctl/names.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/redis.h"

struct listing {
    struct rds_sync *redis;
    int limit;
    struct json_object *rows;
    int64_t total;
};

/* Fills in what the job's hash knows; asked for all rows at once. */
static void add_details(struct listing *l)
{
    size_t n = json_object_array_length(l->rows);
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(l->rows, i);
        const char *id = json_object_get_string(json_object_object_get(row, "id"));
        struct redis_command cmd;
        command_job_fields(&cmd, id, "step", "tries", "crashes",
                           job_is_update(id) ? "accepted_at" : "created_at", "status",
                           "dead_reason");
        rds_sync_queue(l->redis, &cmd);
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(l->rows, i);
        struct redisReply *reply = redis_next(l->redis);
        doc_add_text(row, "step", rds_str(rds_at(reply, 0)));
        json_add_int(row, "tries", rds_int_or(rds_at(reply, 1), 0));
        json_add_int(row, "crashes", rds_int_or(rds_at(reply, 2), 0));
        doc_add_text(row, "created_at", rds_str(rds_at(reply, 3)));
        doc_add_text(row, "status", rds_str(rds_at(reply, 4)));
        doc_add_text(row, "reason", rds_str(rds_at(reply, 5)));
        rds_sync_free(reply);
    }
}

static struct json_object *add_row(struct listing *l, const char *id)
{
    struct json_object *row = json_object_new_object();
    doc_add_text(row, "id", id ? id : "");
    json_object_array_add(l->rows, row);
    return row;
}

static int room(const struct listing *l)
{
    return l->limit - (int)json_object_array_length(l->rows);
}

static int64_t length(struct listing *l, const struct queue_part *part)
{
    struct redis_command cmd;
    command_queue_length(&cmd, part);
    struct redisReply *reply = redis_call(l->redis, &cmd);
    int64_t n = rds_int_or(reply, 0);
    rds_sync_free(reply);
    return n;
}

/* Lists are taken from the right. */
static void list_list(struct listing *l, enum queue_kind kind, const char *worker)
{
    const struct queue_part part = {SHARD_HOME, kind, worker};
    struct redis_command cmd;
    l->total += length(l, &part);
    if (room(l) <= 0)
        return;
    command_queue_range(&cmd, &part, -room(l), -1);
    struct redisReply *ids = redis_call(l->redis, &cmd);
    for (size_t i = rds_len(ids); i > 0; i--) {
        struct json_object *row = add_row(l, rds_str(rds_at(ids, i - 1)));
        if (worker)
            doc_add_text(row, "worker", worker);
    }
    rds_sync_free(ids);
}

static void list_set(struct listing *l, enum queue_kind kind, const char *time_field)
{
    const struct queue_part part = {SHARD_HOME, kind, NULL};
    struct redis_command cmd;
    l->total = length(l, &part);
    command_queue_range(&cmd, &part, 0, l->limit - 1);
    struct redisReply *all = redis_call(l->redis, &cmd);
    for (size_t i = 0; i + 1 < rds_len(all); i += 2) {
        struct json_object *row = add_row(l, rds_str(rds_at(all, i)));
        const char *score = rds_str(rds_at(all, i + 1));
        doc_add_time(row, time_field, score ? (int64_t)strtod(score, NULL) : 0);
    }
    rds_sync_free(all);
}

static void list_active(struct listing *l)
{
    struct names workers = {0};
    redis_workers(l->redis, &workers);
    for (size_t i = 0; i < workers.n; i++)
        list_list(l, QUEUE_ACTIVE, workers.items[i]);
    names_release(&workers);
}

/* What people see, by place; the fourth column on differs. */
#define COLUMNS_FIRST \
    {"ID", "id", COLUMN_TEXT}, {"STEP", "step", COLUMN_TEXT}, {"TRIES", "tries", COLUMN_NUMBER}, \
        {"CRASHES", "crashes", COLUMN_NUMBER}, \
    { \
        "PLACED", "created_at", COLUMN_AGE \
    }

static const struct place {
    const char *name;
    struct column columns[8];
    size_t n_columns;
} PLACES[] = {
    {"ready", {COLUMNS_FIRST}, 5},
    {"active", {COLUMNS_FIRST, {"WORKER", "worker", COLUMN_TEXT}}, 6},
    {"delayed", {COLUMNS_FIRST, {"DUE", "due_at", COLUMN_AGE}}, 6},
    {"dead",
     {COLUMNS_FIRST, {"DEAD", "dead_at", COLUMN_AGE}, {"REASON", "reason", COLUMN_TEXT}},
     7},
};

/* The command line has only these names. */
static const struct place *find_place(const char *name)
{
    const struct place *place = PLACES;
    while (strcmp(place->name, name) != 0)
        place++;
    return place;
}

static void list_place(struct listing *l, const char *name)
{
    if (strcmp(name, "ready") == 0)
        list_list(l, QUEUE_READY, NULL);
    else if (strcmp(name, "active") == 0)
        list_active(l);
    else if (strcmp(name, "delayed") == 0)
        list_set(l, QUEUE_DELAYED, "due_at");
    else
        list_set(l, QUEUE_DEAD, "dead_at");
    add_details(l);
}

int cmd_jobs(struct rds_sync *redis, const struct options *options)
{
    const struct place *place = find_place(options->argument);
    struct json_object *document = json_object_new_object();
    doc_add_text(document, "place", place->name);
    struct listing l = {redis, options->limit, json_object_new_array(), 0};
    list_place(&l, place->name);
    long long shown = (long long)json_object_array_length(l.rows);
    json_add_int(document, "total", l.total);
    json_add_int(document, "shown", shown);
    json_object_object_add(document, "jobs", l.rows);
    if (options->is_json) {
        out_json(stdout, document);
    } else if (shown == 0) {
        printf("No jobs are %s.\n", place->name);
    } else {
        out_table(stdout, l.rows, place->columns, place->n_columns, redis_now_ms(redis));
        if (l.total > shown)
            printf("... %lld of %lld; more with --limit\n", shown, (long long)l.total);
    }
    json_object_put(document);
    return EXIT_OK;
}
