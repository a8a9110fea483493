#include "api/order_view.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/json_build.h"
#include "order/order.h"

static void add_statuses(struct json_object *object, const struct order_change *c)
{
    json_add_text(object, "status", order_status_name(c->status));
    json_add_text(object, "payment_status", payment_status_name(c->payment));
    json_add_text(object, "kitchen_status", kitchen_status_name(c->kitchen));
}

static struct json_object *history_view(const struct order *o)
{
    struct json_object *list = json_object_new_array();
    for (int i = 0; i < o->n_history; i++) {
        struct json_object *entry = json_object_new_object();
        json_add_int(entry, "version", o->history[i].version);
        add_statuses(entry, &o->history[i]);
        json_add_text(entry, "at", o->history[i].at);
        json_object_array_add(list, entry);
    }
    return list;
}

struct json_object *order_view(const struct order *o)
{
    struct json_object *body = json_object_new_object();
    json_add_text(body, "id", o->id);
    json_add_text(body, "item", o->item);
    json_add_int(body, "quantity", o->quantity);
    json_add_text(body, "restaurant", o->restaurant);
    add_statuses(body, &o->now);
    json_add_int(body, "amount_cents", o->amount_cents);
    json_add_text(body, "currency", o->currency);
    json_add_text(body, "created_at", o->created_at);
    json_add_text(body, "updated_at", o->now.at);
    json_add_int(body, "version", o->now.version);
    json_object_object_add(body, "history", history_view(o));
    return body;
}

struct json_object *order_event_view(const char *id, const struct order_change *change)
{
    struct json_object *data = json_object_new_object();
    json_add_text(data, "order_id", id);
    add_statuses(data, change);
    json_add_text(data, "timestamp", change->at);
    json_add_int(data, "version", change->version);
    return data;
}
