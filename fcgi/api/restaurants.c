/* Idea 1, the skilled waiter: he takes your order to the kitchen and serves other tables while it
 * cooks. GET /restaurants/{id} waits half a second for a (simulated) slow database; the wait is a
 * timer in the event loop, so the same process serves thousands of others meanwhile. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/catalogue.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/conf.h"
#include "base/mem.h"
#include "order/store.h"

/* ---- one restaurant: wait, read, answer ------------------------------------------------------ */

/* True when it answered: the id cannot be one of the catalogue's. */
static int refuse_id(struct req *r)
{
    if (catalogue_id_is_valid(r->arg))
        return 0;
    reply_problem(r, 404, RESTAURANT_NOT_FOUND, NULL);
    return 1;
}

/* Answers with what a catalogue reader made of the reply; NULL means that there is none such. */
static void answer(struct req *r, const struct rds_result *result,
                   struct json_object *(*view)(const struct redisReply *))
{
    if (reply_redis_failure(r, result, NULL))
        return;
    struct json_object *body = view(result->reply);
    if (body)
        reply_json(r, 200, body);
    else
        reply_problem(r, 404, RESTAURANT_NOT_FOUND, NULL);
}

static void on_info(struct req *r, const struct rds_result *result)
{
    answer(r, result, catalogue_info);
}

void get_restaurant(struct req *r)
{
    if (!refuse_id(r))
        req_ask_after(r, conf.db_ms, on_info, store_restaurant_info);
}

static void on_menu(struct req *r, const struct rds_result *result)
{
    answer(r, result, catalogue_menu);
}

void get_menu(struct req *r)
{
    if (!refuse_id(r))
        req_ask_after(r, conf.menu_ms, on_menu, store_restaurant_menu);
}

static void on_reviews(struct req *r, const struct rds_result *result)
{
    answer(r, result, catalogue_reviews);
}

void get_reviews(struct req *r)
{
    if (!refuse_id(r))
        req_ask_after(r, conf.reviews_ms, on_reviews, store_restaurant_reviews);
}

/* ---- the list ------------------------------------------------------------------------------- */

struct listing {
    size_t pending, n;
    struct json_object *rows[]; /* by the catalogue's order; NULL = not there any more */
};

static void release_listing(void *context)
{
    struct listing *list = context;
    for (size_t i = 0; i < list->n; i++)
        json_object_put(list->rows[i]);
}

static void finish_list(struct req *r)
{
    struct listing *list = r->context;
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < list->n; i++)
        if (list->rows[i])
            json_object_array_add(rows, json_object_get(list->rows[i]));
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "restaurants", rows);
    reply_json(r, 200, body);
}

static void on_row(struct req *r, const struct rds_result *result, size_t i)
{
    struct listing *list = r->context;
    if (reply_redis_failure(r, result, NULL))
        return;
    list->rows[i] = catalogue_info(result->reply);
    if (--list->pending == 0)
        finish_list(r);
}

static void on_ids(struct req *r, const struct rds_result *result)
{
    if (reply_redis_failure(r, result, NULL))
        return;
    size_t n = rds_len(result->reply);
    struct listing *list = mem_calloc(1, sizeof *list + n * sizeof(void *));
    list->n = list->pending = n;
    r->context = list;
    r->release = release_listing;
    for (size_t i = 0; i < n; i++) {
        const char *id = rds_str(rds_at(result->reply, i));
        req_ask_nth(r, on_row, store_restaurant_info, id ? id : "", i);
    }
    if (n == 0)
        finish_list(r);
}

void get_restaurants(struct req *r)
{
    struct op *op = req_op(r, on_ids);
    req_sent(op, store_restaurants(api.rds, req_on_reply, op));
}
