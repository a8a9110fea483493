/* Idea 3, online shopping: the shop confirms your order at once; payment and packing follow while
 * you do something else. POST /order answers as soon as order and job are on disk together; the
 * worker daemon (fcgi/worker) does the rest. */
#include <errno.h>
#include <ev.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/catalogue.h"
#include "api/etag.h"
#include "api/handlers.h"
#include "api/order_view.h"
#include "api/placing.h"
#include "api/reply.h"
#include "base/log.h"
#include "base/mem.h"
#include "order/batch.h"
#include "order/store.h"

#define QUANTITY_MAX 20
#define BUSY_RETRY_S 5
#define ORDERS_UNANSWERED 1 /* commands */
#define ITEM_MAX 100        /* bytes; no menu has a longer name */

/* ---- placed in one call ---------------------------------------------------------------------- */

static struct {
    struct batch batch; /* the orders of one turn of the loop */
    ev_prepare turn;
} orders;

static void send_orders(struct rds *r, const void *const requests[], size_t n, rds_reply_fn fn,
                        void *arg)
{
    const struct order_request *some[BATCH_MAX];
    for (size_t i = 0; i < n; i++)
        some[i] = requests[i];
    store_place_orders(r, some, n, fn, arg);
}

static void on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    batch_turn(&orders.batch);
}

void orders_start(struct ev_loop *loop)
{
    batch_init(&orders.batch, api.durable, send_orders, ORDERS_UNANSWERED);
    ev_prepare_init(&orders.turn, on_turn);
    ev_prepare_start(loop, &orders.turn);
}

void orders_stop(struct ev_loop *loop)
{
    ev_prepare_stop(loop, &orders.turn);
    batch_release(&orders.batch);
}

/* ---- POST /order ---------------------------------------------------------------------------- */

struct new_order {
    struct placing placing; /* first */
    struct order_request request;
};

static void send_order(struct req *r, int64_t deadline_ms, struct op *op)
{
    struct new_order *o = r->context;
    o->request.deadline_ms = deadline_ms;
    req_batched(op, batch_add(&orders.batch, &o->request, req_on_reply, op));
}

static void reply_placed(struct req *r, const char *id)
{
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "message", json_object_new_string("Order placed successfully!"));
    json_object_object_add(body, "order_id", json_object_new_string(id));
    reply_header(r, "Location", "/order/%s", id);
    reply_json(r, 201, body);
}

static void refuse_busy(struct req *r)
{
    reply_header(r, "Retry-After", "%d", BUSY_RETRY_S);
    reply_problem(r, 503, "Too many orders are waiting",
                  "None is taken before those that wait are under way. Nothing was stored.");
}

static int refuse_placing(struct req *r, enum place_outcome outcome)
{
    if (outcome == PLACE_NO_RESTAURANT)
        reply_problem(r, 404, RESTAURANT_NOT_FOUND, NULL);
    else if (outcome == PLACE_NO_ITEM)
        reply_problem(r, 422, "That item is not on the menu",
                      "GET /restaurants/{id}/menu lists what this restaurant has.");
    else if (outcome == PLACE_NO_USER)
        reply_problem(r, 422, "Unknown user_id", NULL);
    else if (outcome == PLACE_BUSY)
        refuse_busy(r);
    else
        return 0;
    return 1;
}

/* Reads and checks the parameters. True when the request was answered with an error instead. */
static int refuse_order(struct req *r, struct order_request *o)
{
    static const struct param_int QUANTITY = {.min = 1, .max = QUANTITY_MAX, .fallback = 1};
    o->restaurant_id = params_get(&r->params, "restaurant_id");
    o->item = params_get(&r->params, "item");
    o->user_id = params_get(&r->params, "user_id");
    if (!o->restaurant_id || !*o->restaurant_id || !o->item || !*o->item) {
        reply_problem(r, 422, "restaurant_id and item are required", NULL);
        return 1;
    }
    if (params_get_int(&r->params, "quantity", &QUANTITY, &o->quantity)) {
        reply_problem(r, 422, r->params.error, NULL);
        return 1;
    }
    if (!catalogue_id_is_valid(o->restaurant_id))
        return refuse_placing(r, PLACE_NO_RESTAURANT);
    if (strlen(o->item) > ITEM_MAX)
        return refuse_placing(r, PLACE_NO_ITEM);
    if (!o->user_id)
        o->user_id = "";
    else if (!catalogue_id_is_valid(o->user_id))
        return refuse_placing(r, PLACE_NO_USER);
    return placing_refuse_key(r);
}

void post_order(struct req *r)
{
    static const struct placing_kind ORDER = {send_order, reply_placed, refuse_placing};
    struct new_order *o = mem_calloc(1, sizeof *o);
    r->context = o;
    if (refuse_order(r, &o->request))
        return;
    order_id_new(o->request.id);
    o->request.idempotency_key = o->placing.key;
    placing_start(r, &ORDER, o->request.id);
}

/* ---- GET /order/{id} ------------------------------------------------------------------------ */

/* True when it answered: no order can have this id. */
static int refuse_id(struct req *r)
{
    if (order_id_is_valid(r->arg))
        return 0;
    reply_problem(r, 404, ORDER_NOT_FOUND, NULL);
    return 1;
}

static void reply_unreadable(struct req *r, int err, const char *detail)
{
    log_error("%s is not readable: %s", log_id(r->arg), strerror(-err));
    reply_problem(r, 500, "Internal error", "%s", detail);
}

static void on_order(struct req *r, const struct rds_result *result)
{
    struct order o;
    if (reply_redis_failure(r, result, NULL))
        return;
    int err = order_parse(result->reply, &o);
    if (err == -ENOENT) {
        reply_problem(r, 404, ORDER_NOT_FOUND, NULL);
        return;
    }
    if (err) {
        reply_unreadable(r, err, "The order cannot be read.");
        return;
    }
    reply_header(r, "ETag", "\"%d\"", o.now.version);
    if (etag_matches(req_header(r, "IF_NONE_MATCH"), o.now.version))
        reply_empty(r, 304);
    else
        reply_json(r, 200, order_view(&o));
}

void get_order(struct req *r)
{
    if (!refuse_id(r))
        req_ask(r, on_order, store_order, r->arg);
}

/* ---- POST /order/{id}/cancel ---------------------------------------------------------------- */

/* What a failed answer about a cancel says, since cancelling is idempotent. */
#define CANCELLED "The order was cancelled, but cannot be shown now. To cancel it again is safe."
#define PERHAPS_CANCELLED \
    "It is unknown whether the order was cancelled. To cancel it again is safe."

static void on_cancelled_order(struct req *r, const struct rds_result *result)
{
    struct order o;
    if (reply_redis_failure(r, result, CANCELLED))
        return;
    int err = order_parse(result->reply, &o);
    if (err) {
        reply_unreadable(r, err, CANCELLED);
        return;
    }
    reply_header(r, "ETag", "\"%d\"", o.now.version);
    reply_json(r, 200, order_view(&o));
}

static void on_cancelled(struct req *r, const struct rds_result *result)
{
    enum cancel_outcome outcome;
    if (reply_redis_failure(r, result,
                            result->outcome == RDS_UNSENT
                                ? "The order was not cancelled; try again."
                                : PERHAPS_CANCELLED))
        return;
    if (store_cancel_parse(result->reply, &outcome)) {
        log_error("Redis answered a cancel with something unknown");
        reply_problem(r, 500, "Internal error", PERHAPS_CANCELLED);
    } else if (outcome == CANCEL_NOT_FOUND) {
        reply_problem(r, 404, ORDER_NOT_FOUND, NULL);
    } else if (outcome == CANCEL_TOO_LATE) {
        reply_problem(r, 409, "It is too late to cancel this order",
                      "The kitchen has it, or it has come to an end.");
    } else {
        req_ask(r, on_cancelled_order, store_order, r->arg);
    }
}

void post_cancel_deadline(struct req *r)
{
    reply_unavailable(r, PERHAPS_CANCELLED);
}

void post_cancel(struct req *r)
{
    if (refuse_id(r))
        return;
    struct op *op = req_op(r, on_cancelled);
    req_sent(op, store_cancel(api.durable, r->arg, req_on_reply, op));
}
