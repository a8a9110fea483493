#include "order/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/rds.h"
#include "base/text.h"
#include "order/shard.h"

#define ID_RANDOM 20 /* characters of 5 bits */

_Static_assert(ORDER_ID_SIZE == 32, "event_text_parse reads 31 characters");

static const char *const STATUS_NAMES[ORDER_STATUS_COUNT] = {
    [ORDER_PLACED] = "order_placed",         [ORDER_PREPARING_FOOD] = "preparing_food",
    [ORDER_QUALITY_CHECK] = "quality_check", [ORDER_OUT_FOR_DELIVERY] = "out_for_delivery",
    [ORDER_DELIVERED] = "delivered",         [ORDER_PAYMENT_FAILED] = "payment_failed",
    [ORDER_CANCELLED] = "cancelled",         [ORDER_NEEDS_REVIEW] = "needs_review",
};

static const char *const PAYMENT_NAMES[PAYMENT_STATUS_COUNT] = {
    [PAYMENT_PENDING] = "pending",         [PAYMENT_PAID] = "paid",
    [PAYMENT_DECLINED] = "declined",       [PAYMENT_REFUNDED] = "refunded",
    [PAYMENT_NOT_CHARGED] = "not_charged",
};

static const char *const KITCHEN_NAMES[KITCHEN_STATUS_COUNT] = {
    [KITCHEN_PENDING] = "pending",
    [KITCHEN_ACKNOWLEDGED] = "acknowledged",
    [KITCHEN_CANCELLED] = "cancelled",
};

static const char *const STEP_NAMES[STEP_COUNT] = {
    [STEP_PAYMENT] = "payment",
    [STEP_KITCHEN] = "kitchen",
    [STEP_PREPARING_FOOD] = "preparing_food",
    [STEP_QUALITY_CHECK] = "quality_check",
    [STEP_OUT_FOR_DELIVERY] = "out_for_delivery",
    [STEP_DELIVERED] = "delivered",
    [STEP_REFUND] = "refund",
    [STEP_BROADCAST] = "broadcast",
};

static int parse_name(const char *const *names, int n, const char *text)
{
    for (int i = 0; text && i < n; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

const char *order_status_name(enum order_status status)
{
    return STATUS_NAMES[status];
}

const char *payment_status_name(enum payment_status status)
{
    return PAYMENT_NAMES[status];
}

const char *kitchen_status_name(enum kitchen_status status)
{
    return KITCHEN_NAMES[status];
}

int order_status_parse(const char *text)
{
    return parse_name(STATUS_NAMES, ORDER_STATUS_COUNT, text);
}

int payment_status_parse(const char *text)
{
    return parse_name(PAYMENT_NAMES, PAYMENT_STATUS_COUNT, text);
}

int kitchen_status_parse(const char *text)
{
    return parse_name(KITCHEN_NAMES, KITCHEN_STATUS_COUNT, text);
}

const char *job_step_name(enum job_step step)
{
    return STEP_NAMES[step];
}

int job_step_parse(const char *name)
{
    return parse_name(STEP_NAMES, STEP_COUNT, name);
}

int order_is_settled(const struct order_change *now)
{
    switch (now->status) {
    case ORDER_DELIVERED:
    case ORDER_PAYMENT_FAILED:
        return 1;
    case ORDER_CANCELLED:
        return now->payment != PAYMENT_PENDING && now->payment != PAYMENT_PAID;
    case ORDER_PLACED:
    case ORDER_PREPARING_FOOD:
    case ORDER_QUALITY_CHECK:
    case ORDER_OUT_FOR_DELIVERY:
    case ORDER_NEEDS_REVIEW:
    case ORDER_STATUS_COUNT:
        break;
    }
    return 0;
}

/* A change as the words that say it. */
struct change_words {
    const char *status, *payment, *kitchen, *at;
};

/* 0 or -EPROTO. */
static int change_set(struct order_change *c, int version, const struct change_words *words)
{
    int s = order_status_parse(words->status);
    int p = payment_status_parse(words->payment);
    int k = kitchen_status_parse(words->kitchen);
    if (version < 1 || s < 0 || p < 0 || k < 0 || !words->at ||
        text_copy(c->at, sizeof c->at, words->at))
        return -EPROTO;
    c->version = version;
    c->status = (enum order_status)s;
    c->payment = (enum payment_status)p;
    c->kitchen = (enum kitchen_status)k;
    return 0;
}

/* A history line: "order_placed paid pending 2026-11-22T11:00:58.123Z". */
static int history_parse(const char *line, int version, struct order_change *ret)
{
    char status[32], payment[32], kitchen[32], at[ORDER_TIME_SIZE];
    int end = 0;
    if (!line || sscanf(line, "%31s %31s %31s %24s%n", status, payment, kitchen, at, &end) != 4 ||
        line[end])
        return -EPROTO;
    return change_set(ret, version, &(struct change_words){status, payment, kitchen, at});
}

int order_parse(const struct redisReply *reply, struct order *ret)
{
    if (rds_len(reply) == 0)
        return -ENOENT;
    int64_t version;
    ret->id = rds_field(reply, "id");
    ret->item = rds_field(reply, "item");
    ret->restaurant_id = rds_field(reply, "restaurant_id");
    ret->restaurant = rds_field(reply, "restaurant");
    ret->user_id = rds_field(reply, "user_id");
    ret->currency = rds_field(reply, "currency");
    ret->created_at = rds_field(reply, "created_at");
    if (!ret->id || !ret->item || !ret->restaurant_id || !ret->restaurant || !ret->currency ||
        !ret->created_at || text_to_int(rds_field(reply, "quantity"), &ret->quantity) ||
        text_to_int(rds_field(reply, "amount_cents"), &ret->amount_cents) ||
        text_to_int(rds_field(reply, "version"), &version) || version < 1 || version > INT32_MAX)
        return -EPROTO;

    int64_t first = version > ORDER_HISTORY_MAX ? version - ORDER_HISTORY_MAX + 1 : 1;
    ret->n_history = 0;
    for (int64_t v = first; v <= version; v++) {
        char field[16];
        snprintf(field, sizeof field, "v%d", (int)v);
        if (history_parse(rds_field(reply, field), (int)v, &ret->now))
            return -EPROTO;
        ret->history[ret->n_history++] = ret->now;
    }
    return 0;
}

/* ---- events -------------------------------------------------------------------------------- */

static int version_parse(const char *text, int *ret)
{
    int64_t n;
    if (text_to_int(text, &n) || n < 1 || n > INT32_MAX)
        return -EPROTO;
    *ret = (int)n;
    return 0;
}

/* "<id> <version> <status> <payment> <kitchen>", up to its end or a newline. */
static int change_line_parse(const char *line, const char *at, char ret_id[ORDER_ID_SIZE],
                             struct order_change *ret)
{
    char number[12], status[32], payment[32], kitchen[32];
    int version, end = 0;
    if (sscanf(line, "%31s %11s %31s %31s %31s%n", ret_id, number, status, payment, kitchen,
               &end) != 5 ||
        (size_t)end != strcspn(line, "\n") || version_parse(number, &version))
        return -EPROTO;
    return change_set(ret, version, &(struct change_words){status, payment, kitchen, at});
}

static int change_fields_parse(const struct redisReply *fields, char ret_id[ORDER_ID_SIZE],
                               struct order_change *ret)
{
    const char *id = rds_field(fields, "order");
    const struct change_words words = {
        rds_field(fields, "status"), rds_field(fields, "payment_status"),
        rds_field(fields, "kitchen_status"), rds_field(fields, "at")};
    int version;
    if (!id || version_parse(rds_field(fields, "version"), &version) ||
        text_copy(ret_id, ORDER_ID_SIZE, id))
        return -EPROTO;
    return change_set(ret, version, &words);
}

void order_event_open(struct order_event *event, const struct redisReply *fields)
{
    *event = (struct order_event){.fields = fields, .lines = rds_field(fields, "changes")};
}

int order_event_next(struct order_event *event, char ret_id[ORDER_ID_SIZE],
                     struct order_change *ret)
{
    int err;
    if (event->is_read)
        return 0;
    const char *line = event->lines;
    const char *newline = line ? strchr(line, '\n') : NULL;
    event->is_read = !newline;
    event->lines = newline ? newline + 1 : NULL;
    if (line)
        err = change_line_parse(line, rds_field(event->fields, "at"), ret_id, ret);
    else
        err = change_fields_parse(event->fields, ret_id, ret);
    return err ? err : 1;
}

/* ---- ids ----------------------------------------------------------------------------------- */

static void id_new(const char *prefix, char out[ORDER_ID_SIZE])
{
    char random[ID_RANDOM + 1];
    random_base32(random, ID_RANDOM);
    snprintf(out, ORDER_ID_SIZE, "%s" SHARD_DIGITS "%s", prefix, random);
}

void order_id_new(char out[ORDER_ID_SIZE])
{
    id_new("order_", out);
}

void update_id_new(char out[ORDER_ID_SIZE])
{
    id_new("update_", out);
}

/* Is it this prefix and the random part of an id? */
static int id_is_valid(const char *prefix, const char *text)
{
    size_t n = strlen(prefix);
    if (strncmp(text, prefix, n) != 0)
        return 0;
    const char *random = text + n;
    return strspn(random, "abcdefghijklmnopqrstuvwxyz234567") == ID_RANDOM &&
           random[ID_RANDOM] == '\0';
}

int order_id_is_valid(const char *text)
{
    return id_is_valid("order_" SHARD_DIGITS, text);
}

int job_is_update(const char *id)
{
    return strncmp(id, "update_", 7) == 0;
}

int job_id_is_valid(const char *text)
{
    return order_id_is_valid(text) || id_is_valid("update_" SHARD_DIGITS, text);
}
