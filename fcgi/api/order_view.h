/* An order on the wire. Pure: struct in, JSON out; the caller owns the result. */
#ifndef TIFFIN_API_ORDER_VIEW_H
#define TIFFIN_API_ORDER_VIEW_H

struct json_object;
struct order;
struct order_change;

#define ORDER_NOT_FOUND "Order not found"

/* The body of GET /order/{id}. */
struct json_object *order_view(const struct order *o);
/* The data of one live-status event. The caller owns a reference; the next call changes what it
 * says. */
struct json_object *order_event_view(const char *id, const struct order_change *change);

#endif
