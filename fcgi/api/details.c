/* Idea 2, coffee and a sandwich: you order both at once and wait for the slower one, not for one
 * after the other. The parts of an answer are fetched concurrently: each has its own simulated
 * wait and its own Redis read, and the answer is sent when the last has come. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/catalogue.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json_build.h"
#include "base/mem.h"
#include "order/store.h"

#define PARTS 3

int details_longest_wait_ms;

void details_init(void)
{
    int longest = conf.db_ms;
    if (conf.menu_ms > longest)
        longest = conf.menu_ms;
    if (conf.reviews_ms > longest)
        longest = conf.reviews_ms;
    details_longest_wait_ms = longest;
}

/* An answer made of three parts. */
struct details {
    int64_t started_ms;
    int pending; /* parts that have not come */
    struct json_object *part[PARTS];
    int64_t part_ms[PARTS];
    size_t rows_pending; /* dashboard: orders still to be read */
};

static void release_details(void *context)
{
    struct details *d = context;
    for (int i = 0; i < PARTS; i++)
        json_object_put(d->part[i]);
}

static struct details *details_new(struct req *r)
{
    struct details *d = mem_calloc(1, sizeof *d);
    d->started_ms = clock_mono_ms();
    d->pending = PARTS;
    r->context = d;
    r->release = release_details;
    return d;
}

/* {"<name>_ms": …, "total_ms": …} */
static struct json_object *timing(const struct details *d, const char *const names[PARTS])
{
    struct json_object *out = json_object_new_object();
    for (int i = 0; i < PARTS; i++)
        json_object_object_add(out, names[i], json_object_new_int64(d->part_ms[i]));
    json_object_object_add(out, "total_ms", json_object_new_int64(clock_mono_ms() - d->started_ms));
    return out;
}

/* Stores a part; true when it was the last. */
static int part_done(struct details *d, int i, struct json_object *value)
{
    d->part[i] = value;
    d->part_ms[i] = clock_mono_ms() - d->started_ms;
    return --d->pending == 0;
}

/* ---- full details: info, menu, reviews ------------------------------------------------------ */

enum { INFO, MENU, REVIEWS };

/* The member of an object, its own reference. */
static struct json_object *member(struct json_object *object, const char *name)
{
    return json_object_get(json_object_object_get(object, name));
}

static void details_part(struct req *r, const struct rds_result *result, int i,
                         struct json_object *(*view)(const struct redisReply *))
{
    static const char *const NAMES[PARTS] = {"info_ms", "menu_ms", "reviews_ms"};
    struct details *d = r->context;
    if (reply_redis_failure(r, result, NULL))
        return;
    struct json_object *value = view(result->reply);
    if (!value) {
        reply_problem(r, 404, RESTAURANT_NOT_FOUND, NULL);
        return;
    }
    if (!part_done(d, i, value))
        return;
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "info", json_object_get(d->part[INFO]));
    json_object_object_add(body, "menu", member(d->part[MENU], "menu"));
    json_object_object_add(body, "reviews", member(d->part[REVIEWS], "reviews"));
    json_object_object_add(body, "timing", timing(d, NAMES));
    reply_json(r, 200, body);
}

static void on_info(struct req *r, const struct rds_result *result)
{
    details_part(r, result, INFO, catalogue_info);
}

static void on_menu(struct req *r, const struct rds_result *result)
{
    details_part(r, result, MENU, catalogue_menu);
}

static void on_reviews(struct req *r, const struct rds_result *result)
{
    details_part(r, result, REVIEWS, catalogue_reviews);
}

void get_full_details(struct req *r)
{
    if (!catalogue_id_is_valid(r->arg)) {
        reply_problem(r, 404, RESTAURANT_NOT_FOUND, NULL);
        return;
    }
    details_new(r);
    req_ask_after(r, conf.db_ms, on_info, store_restaurant_info);
    req_ask_after(r, conf.menu_ms, on_menu, store_restaurant_menu);
    req_ask_after(r, conf.reviews_ms, on_reviews, store_restaurant_reviews);
}

/* ---- dashboard: profile, orders, notifications ---------------------------------------------- */

enum { PROFILE, ORDERS, NOTIFICATIONS };

static void dashboard_part(struct req *r, int i, struct json_object *value)
{
    static const char *const NAMES[PARTS] = {"profile_ms", "orders_ms", "notifications_ms"};
    struct details *d = r->context;
    if (!part_done(d, i, value))
        return;
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "user_id", json_object_new_string(r->arg));
    json_object_object_add(body, "profile", json_object_get(d->part[PROFILE]));
    json_object_object_add(body, "orders", json_object_get(d->part[ORDERS]));
    json_object_object_add(body, "notifications", json_object_get(d->part[NOTIFICATIONS]));
    json_object_object_add(body, "timing", timing(d, NAMES));
    reply_json(r, 200, body);
}

static void on_profile(struct req *r, const struct rds_result *result)
{
    if (reply_redis_failure(r, result, NULL))
        return;
    if (rds_len(result->reply) == 0) {
        reply_problem(r, 404, "User not found", NULL);
        return;
    }
    struct json_object *profile = json_object_new_object();
    for (size_t i = 0; i + 1 < rds_len(result->reply); i += 2) {
        const char *field = rds_str(rds_at(result->reply, i));
        const struct redisReply *value = rds_at(result->reply, i + 1);
        int64_t number;
        if (!field || strcmp(field, "id") == 0 || strcmp(field, "notifications") == 0)
            continue;
        json_object_object_add(profile, field,
                               rds_int(value, &number) ? json_text(rds_str(value))
                                                       : json_object_new_int64(number));
    }
    dashboard_part(r, PROFILE, profile);
}

static void on_notifications(struct req *r, const struct rds_result *result)
{
    if (reply_redis_failure(r, result, NULL))
        return;
    const char *text = rds_field(result->reply, "notifications");
    struct json_object *list = text ? json_tokener_parse(text) : NULL;
    dashboard_part(r, NOTIFICATIONS, list ? list : json_object_new_array());
}

/* The rows that there are, in order. Takes the list, returns another. */
static struct json_object *without_nulls(struct json_object *list)
{
    struct json_object *out = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i);
        if (row)
            json_object_array_add(out, json_object_get(row));
    }
    json_object_put(list);
    return out;
}

/* An order in the list never shows its id: ids are capabilities, and this list is public. */
static void on_order_brief(struct req *r, const struct rds_result *result, size_t row)
{
    static const char *const NAMES[] = {"item", "restaurant", "status", "placed_at"};
    struct details *d = r->context;
    if (reply_redis_failure(r, result, NULL))
        return;
    if (rds_str(rds_at(result->reply, 0))) { /* not expired */
        struct json_object *order = json_object_new_object();
        for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
            json_object_object_add(order, NAMES[i], json_text(rds_str(rds_at(result->reply, i))));
        json_object_array_put_idx(d->part[ORDERS], row, order);
    }
    if (--d->rows_pending > 0)
        return;
    dashboard_part(r, ORDERS, without_nulls(d->part[ORDERS]));
}

static void on_order_ids(struct req *r, const struct rds_result *result)
{
    struct details *d = r->context;
    if (reply_redis_failure(r, result, NULL))
        return;
    size_t n = rds_len(result->reply);
    if (n == 0) {
        dashboard_part(r, ORDERS, json_object_new_array());
        return;
    }
    d->part[ORDERS] = json_object_new_array();
    d->rows_pending = n;
    for (size_t i = 0; i < n; i++) {
        const char *id = rds_str(rds_at(result->reply, i));
        req_ask_nth(r, on_order_brief, store_order_brief, id ? id : "", i);
    }
}

void get_dashboard(struct req *r)
{
    if (!catalogue_id_is_valid(r->arg)) {
        reply_problem(r, 404, "User not found", NULL);
        return;
    }
    details_new(r);
    req_ask_after(r, conf.db_ms, on_profile, store_user);
    req_ask_after(r, conf.menu_ms, on_order_ids, store_user_orders);
    req_ask_after(r, conf.reviews_ms, on_notifications, store_user);
}
