/* An order: its three statuses, its version, its history. Pure: no Redis commands, no HTTP.
 *
 * Strings of a struct order point into the Redis reply it was read from and live as long. */
#ifndef TIFFIN_ORDER_ORDER_H
#define TIFFIN_ORDER_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct redisReply;

/* In life order; the last three are aside. */
enum order_status {
    ORDER_PLACED,
    ORDER_PREPARING_FOOD,
    ORDER_QUALITY_CHECK,
    ORDER_OUT_FOR_DELIVERY,
    ORDER_DELIVERED,
    ORDER_PAYMENT_FAILED,
    ORDER_CANCELLED,
    ORDER_NEEDS_REVIEW,
    ORDER_STATUS_COUNT
};

enum payment_status {
    PAYMENT_PENDING,
    PAYMENT_PAID,
    PAYMENT_DECLINED,
    PAYMENT_REFUNDED,
    PAYMENT_NOT_CHARGED,
    PAYMENT_STATUS_COUNT
};

enum kitchen_status {
    KITCHEN_PENDING,
    KITCHEN_ACKNOWLEDGED,
    KITCHEN_CANCELLED,
    KITCHEN_STATUS_COUNT
};

/* The words of the wire and of Redis. Parsing returns -1 for any other text (NULL too). */
const char *order_status_name(enum order_status status);
const char *payment_status_name(enum payment_status status);
const char *kitchen_status_name(enum kitchen_status status);
int order_status_parse(const char *text);
int payment_status_parse(const char *text);
int kitchen_status_parse(const char *text);

/* The steps of an order in order, then what is outside of its normal life. */
enum job_step {
    STEP_PAYMENT,
    STEP_KITCHEN,
    STEP_PREPARING_FOOD,
    STEP_QUALITY_CHECK,
    STEP_OUT_FOR_DELIVERY,
    STEP_DELIVERED,
    STEP_REFUND,
    STEP_BROADCAST, /* of an update */
    STEP_COUNT
};
const char *job_step_name(enum job_step step);
int job_step_parse(const char *name); /* -1 when unknown */

#define ORDER_TIME_SIZE 25 /* 2026-11-22T11:00:58.123Z and the NUL */

/* One version of an order. */
struct order_change {
    int version;
    enum order_status status;
    enum payment_status payment;
    enum kitchen_status kitchen;
    char at[ORDER_TIME_SIZE];
};

/* True when nothing will change any more: delivered, payment_failed, or cancelled with nothing
 * owed. */
int order_is_settled(const struct order_change *now);

#define ORDER_HISTORY_MAX 64 /* newest kept when an order has been to review very often */

struct order {
    const char *id, *item, *restaurant_id, *restaurant, *user_id; /* user_id NULL: none */
    const char *currency, *created_at;
    int64_t quantity, amount_cents;
    struct order_change now;
    int n_history;
    struct order_change history[ORDER_HISTORY_MAX]; /* versions consecutive, rising */
};

/* Reads HGETALL's reply. 0; -ENOENT when the hash is empty; -EPROTO when it is not an order. */
int order_parse(const struct redisReply *reply, struct order *ret);

#define ORDER_ID_SIZE 32 /* any id with its NUL */

/* The changes of one entry of the events stream, of either form: one change, by fields; or many of
 * one time, a line each in the field changes: "<id> <version> <statuses>". */
struct order_event {
    const struct redisReply *fields;
    const char *lines; /* those not read yet; NULL: by fields */
    int is_read;       /* all of it */
};
void order_event_open(struct order_event *event, const struct redisReply *fields);
/* The next of its changes. 1; 0: there is none; -EPROTO: it is unreadable (ret_id and ret are
 * undefined), and the call after this goes on behind it. */
int order_event_next(struct order_event *event, char ret_id[ORDER_ID_SIZE],
                     struct order_change *ret);

/* Ids: order_ or update_, two shard digits, 20 characters of base32 (100 random bits). An order id
 * is a capability: to know it is to be allowed to see and cancel the order. */

void order_id_new(char out[ORDER_ID_SIZE]);
void update_id_new(char out[ORDER_ID_SIZE]);
/* Has this text the form of an order's id, on a shard we have? */
int order_id_is_valid(const char *text);
/* True for an update's id; whatever else is taken for an order's. */
int job_is_update(const char *id);
/* Has this text the form of an order's or update's id, on a shard we have? */
int job_id_is_valid(const char *text);

#endif
