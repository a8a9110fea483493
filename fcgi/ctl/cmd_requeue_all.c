/* requeue --all: every dead job goes on, or those that died for one reason: the undo of an outage.
 * Page by page, each job by its own call of the function that one id is requeued with, so whatever
 * changes meanwhile is seen there, and passed over. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "order/keys.h"
#include "order/store.h"

#define PAGE 100 /* jobs asked about in one go */

struct requeuing {
    struct ctl *c;
    struct json_object *rows;
    int64_t n_requeued, n_left;
};

/* Forgets those of the page that died for another reason. */
static void select_by_reason(struct ctl *c, const char *ids[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        rds_sync_put(c->redis, "HMGET", key_of_job(ids[i]).text, "dead_reason");
    for (size_t i = 0; i < n; i++) {
        struct redisReply *reply = ask_next(c);
        const char *reason = rds_str(rds_at(reply, 0));
        if (c->reason && (!reason || !strstr(reason, c->reason)))
            ids[i] = NULL;
        rds_sync_free(reply);
    }
}

static void add_result(struct requeuing *w, const char *id, const struct redisReply *reply)
{
    const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
    struct json_object *row = json_object_new_object();
    int is_requeued = strcmp(word, "requeued") == 0, is_gone = strcmp(word, "not_dead") == 0;
    add_text(row, "id", id);
    add_bool(row, "requeued", is_requeued);
    add_text(row, "step", is_requeued ? what : NULL);
    if (is_requeued)
        add_null(row, "why");
    else if (is_gone)
        add_text(row, "why", "it is not dead any more");
    else if (strcmp(word, "past_gateway") == 0)
        add_text(row, "why", "its payment is older than the gateway remembers: settle it");
    else
        add_text(row, "why", rds_sync_error(w->c->redis));
    json_object_array_add(w->rows, row);
    w->n_requeued += is_requeued;
    w->n_left += !is_requeued && !is_gone;
}

static void requeue_page(struct requeuing *w, const char *ids[], size_t n)
{
    select_by_reason(w->c, ids, n);
    for (size_t i = 0; i < n; i++)
        if (ids[i])
            rds_sync_put(w->c->redis, "FCALL", FN_REQUEUE, "4", key_of_job(ids[i]).text, KEY_READY,
                         KEY_DEAD, KEY_EVENTS, ids[i]);
    for (size_t i = 0; i < n; i++) {
        if (!ids[i])
            continue;
        struct redisReply *reply = ask_next(w->c);
        add_result(w, ids[i], reply);
        rds_sync_free(reply);
    }
}

/* The dead of one moment: what dies again while we are at it is not woken a second time. */
static void requeue_dead(struct requeuing *w)
{
    struct redisReply *dead = ask(w->c, "ZRANGE", KEY_DEAD, "0", "-1");
    size_t n = rds_len(dead);
    for (size_t from = 0; from < n; from += PAGE) {
        const char *ids[PAGE];
        size_t n_page = 0;
        for (size_t i = from; i < n && n_page < PAGE; i++)
            if (rds_str(rds_at(dead, i)))
                ids[n_page++] = rds_str(rds_at(dead, i));
        requeue_page(w, ids, n_page);
    }
    rds_sync_free(dead);
}

static void print_result(const struct requeuing *w)
{
    static const struct column COLUMNS[] = {{"ID", "id", COLUMN_TEXT},
                                            {"STEP", "step", COLUMN_TEXT},
                                            {"NOT, BECAUSE", "why", COLUMN_TEXT}};
    if (json_object_array_length(w->rows) > 0) {
        out_table(stdout, w->rows, COLUMNS, 3, 0);
        putchar('\n');
    }
    printf("%lld requeued, %lld left dead.\n", (long long)w->n_requeued, (long long)w->n_left);
}

int requeue_all(struct ctl *c)
{
    struct requeuing w = {.c = c, .rows = json_object_new_array()};
    requeue_dead(&w);
    if (c->is_json) {
        struct json_object *document = json_object_new_object();
        add_int(document, "requeued", w.n_requeued);
        add_int(document, "left", w.n_left);
        json_object_object_add(document, "jobs", w.rows);
        out_json(stdout, document);
        json_object_put(document);
    } else {
        print_result(&w);
        json_object_put(w.rows);
    }
    return w.n_left ? EXIT_FAILED : EXIT_OK;
}
