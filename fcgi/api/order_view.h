/* An order on the wire. Pure: struct in, JSON out; the caller owns the result. */
#ifndef TIFFIN_API_ORDER_VIEW_H
#define TIFFIN_API_ORDER_VIEW_H

struct json_object;
struct order;
struct order_change;

#define ORDER_NOT_FOUND "Order not found"

/* The body of GET /order/{id}. */
struct json_object *order_view(const struct order *o);
/* The data of one live-status event. */
struct json_object *order_event_view(const char *id, const struct order_change *change);

/* If-None-Match (RFC 9110, 13.1.2: weak comparison, lists, *) against the version's ETag. */
int etag_matches(const char *if_none_match, int version);

#endif
