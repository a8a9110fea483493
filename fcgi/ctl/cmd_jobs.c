/* jobs ready|active|delayed|dead: what stands there, in the order in which it will be its turn. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/output.h"
#include "order/keys.h"
#include "order/order.h"

struct listing {
    struct ctl *c;
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
        rds_sync_put(l->c->redis, "HMGET", key_of_job(id).text, "step", "tries", "crashes",
                     job_is_update(id) ? "accepted_at" : "created_at", "status", "dead_reason");
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(l->rows, i);
        struct redisReply *reply = ask_next(l->c);
        add_text(row, "step", rds_str(rds_at(reply, 0)));
        add_int(row, "tries", rds_int_or(rds_at(reply, 1), 0));
        add_int(row, "crashes", rds_int_or(rds_at(reply, 2), 0));
        add_text(row, "created_at", rds_str(rds_at(reply, 3)));
        add_text(row, "status", rds_str(rds_at(reply, 4)));
        add_text(row, "reason", rds_str(rds_at(reply, 5)));
        rds_sync_free(reply);
    }
}

static struct json_object *add_row(struct listing *l, const char *id)
{
    struct json_object *row = json_object_new_object();
    add_text(row, "id", id ? id : "");
    json_object_array_add(l->rows, row);
    return row;
}

static int room(const struct listing *l)
{
    return l->c->limit - (int)json_object_array_length(l->rows);
}

/* Lists are taken from the right. */
static void list_list(struct listing *l, const char *key, const char *worker)
{
    char from[16];
    struct redisReply *len = ask(l->c, "LLEN", key);
    l->total += rds_int_or(len, 0);
    rds_sync_free(len);
    if (room(l) <= 0)
        return;
    snprintf(from, sizeof from, "-%d", room(l));
    struct redisReply *ids = ask(l->c, "LRANGE", key, from, "-1");
    for (size_t i = rds_len(ids); i > 0; i--) {
        struct json_object *row = add_row(l, rds_str(rds_at(ids, i - 1)));
        if (worker)
            add_text(row, "worker", worker);
    }
    rds_sync_free(ids);
}

static void list_set(struct listing *l, const char *key, const char *time_field)
{
    char to[16];
    struct redisReply *len = ask(l->c, "ZCARD", key);
    l->total = rds_int_or(len, 0);
    rds_sync_free(len);
    snprintf(to, sizeof to, "%d", l->c->limit - 1);
    struct redisReply *all = ask(l->c, "ZRANGE", key, "0", to, "WITHSCORES");
    for (size_t i = 0; i + 1 < rds_len(all); i += 2) {
        struct json_object *row = add_row(l, rds_str(rds_at(all, i)));
        const char *score = rds_str(rds_at(all, i + 1));
        add_time(row, time_field, score ? (int64_t)strtod(score, NULL) : 0);
    }
    rds_sync_free(all);
}

static void list_active(struct listing *l)
{
    struct names workers = {NULL, 0, 0};
    ask_workers(l->c, &workers);
    for (size_t i = 0; i < workers.n; i++)
        list_list(l, key_of(KEY_ACTIVE_PREFIX, workers.items[i]).text, workers.items[i]);
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
        list_list(l, KEY_READY, NULL);
    else if (strcmp(name, "active") == 0)
        list_active(l);
    else if (strcmp(name, "delayed") == 0)
        list_set(l, KEY_DELAYED, "due_at");
    else
        list_set(l, KEY_DEAD, "dead_at");
    add_details(l);
}

int cmd_jobs(struct ctl *c)
{
    const struct place *place = find_place(c->argument);
    struct json_object *document = json_object_new_object();
    add_text(document, "place", place->name);
    struct listing l = {c, json_object_new_array(), 0};
    list_place(&l, place->name);
    long long shown = (long long)json_object_array_length(l.rows);
    add_int(document, "total", l.total);
    add_int(document, "shown", shown);
    json_object_object_add(document, "jobs", l.rows);
    if (c->is_json) {
        out_json(stdout, document);
    } else if (shown == 0) {
        printf("No jobs are %s.\n", place->name);
    } else {
        out_table(stdout, l.rows, place->columns, place->n_columns, ask_now(c));
        if (l.total > shown)
            printf("... %lld of %lld; more with --limit\n", shown, (long long)l.total);
    }
    json_object_put(document);
    return EXIT_OK;
}
