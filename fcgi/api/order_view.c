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

/* The members of an event, made once: most of an event's cost is the making of its object. */
static struct {
    struct json_object *data, *order_id, *status, *payment, *kitchen, *timestamp, *version;
} event;

static struct json_object *member_new(const char *name, struct json_object *value)
{
    json_object_object_add(event.data, name, value);
    return value;
}

static void event_new(void)
{
    event.data = json_object_new_object();
    event.order_id = member_new("order_id", json_object_new_string(""));
    event.status = member_new("status", json_object_new_string(""));
    event.payment = member_new("payment_status", json_object_new_string(""));
    event.kitchen = member_new("kitchen_status", json_object_new_string(""));
    event.timestamp = member_new("timestamp", json_object_new_string(""));
    event.version = member_new("version", json_object_new_int(0));
}

struct json_object *order_event_view(const char *id, const struct order_change *change)
{
    if (!event.data)
        event_new();
    json_object_set_string(event.order_id, id);
    json_object_set_string(event.status, order_status_name(change->status));
    json_object_set_string(event.payment, payment_status_name(change->payment));
    json_object_set_string(event.kitchen, kitchen_status_name(change->kitchen));
    json_object_set_string(event.timestamp, change->at);
    json_object_set_int(event.version, change->version);
    return json_object_get(event.data);
}
