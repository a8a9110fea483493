/* Placing, cancelling and reading: what the API asks for. */
#include "order/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/digest.h"
#include "order/keys.h"

#define FINGERPRINT_HEX 32
#define EVENTS_BATCH "1000"

/* ---- new work ------------------------------------------------------------------------------ */

/* What must be the same when an Idempotency-Key comes again: a hash of kind and parameters. The
 * parts cannot hold a control character, so \n separates them. n: bytes of the text. */
static void add_fingerprint(struct redis_command *cmd, const char *text, size_t n)
{
    char *hex = command_room(cmd, DIGEST_SHA256_HEX_SIZE);
    digest_sha256_hex(text, n, hex);
    command_add_bytes(cmd, hex, FINGERPRINT_HEX);
}

static void add_order_fingerprint(struct redis_command *cmd, const struct order_request *o)
{
    if (!*o->idempotency_key) {
        command_add(cmd, "");
        return;
    }
    size_t size = strlen(o->restaurant_id) + strlen(o->item) + strlen(o->user_id) + 32;
    char *text = command_room(cmd, size);
    int n = snprintf(text, size, "order\n%s\n%s\n%d\n%s", o->restaurant_id, o->item, o->quantity,
                     o->user_id);
    add_fingerprint(cmd, text, (size_t)n);
}

static void add_update_fingerprint(struct redis_command *cmd, const struct update_request *u)
{
    if (!*u->idempotency_key) {
        command_add(cmd, "");
        return;
    }
    size_t size = strlen(u->message) + 16;
    char *text = command_room(cmd, size);
    int n = snprintf(text, size, "update\n%s", u->message);
    add_fingerprint(cmd, text, (size_t)n);
}

static void add_user_orders_key(struct redis_command *cmd, const struct keys *k, const char *user)
{
    command_join3(cmd, k->user_of, user, KEY_USER_ORDERS_SUFFIX);
}

static void add_order_keys(struct redis_command *cmd, const struct order_request *o)
{
    const struct keys *k = keys_of_id(o->id);
    command_join(cmd, k->order_of, o->id);
    command_join(cmd, k->restaurant_of, o->restaurant_id);
    command_join(cmd, k->user_of, o->user_id);
    add_user_orders_key(cmd, k, o->user_id);
    command_join(cmd, k->idempotency_of, o->idempotency_key);
}

static void add_order(struct redis_command *cmd, const struct order_request *o)
{
    command_add_list(cmd, o->id, o->restaurant_id, o->item);
    command_add_int(cmd, o->quantity);
    command_add(cmd, o->user_id);
    add_order_fingerprint(cmd, o);
    command_add_int(cmd, o->deadline_ms);
}

void command_place_orders(struct redis_command *cmd, int shard,
                          const struct order_request *const orders[], size_t n)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_PLACE_ORDERS, 4 + 5 * n);
    command_add_list(cmd, k->ready, k->index, k->count, k->events);
    for (size_t i = 0; i < n; i++)
        add_order_keys(cmd, orders[i]);
    command_add_int(cmd, (int64_t)conf.queue_age_s * 1000);
    for (size_t i = 0; i < n; i++)
        add_order(cmd, orders[i]);
}

void command_accept_update(struct redis_command *cmd, const struct update_request *u)
{
    const struct keys *k = keys_of_id(u->id);
    command_fcall(cmd, FN_ACCEPT_UPDATE, 6);
    command_join(cmd, k->update_of, u->id);
    command_add_list(cmd, k->ready, k->delayed, k->count);
    command_join(cmd, k->idempotency_of, u->idempotency_key);
    command_add_list(cmd, k->dead, u->id, u->message);
    command_add_int(cmd, u->delay_ms);
    add_update_fingerprint(cmd, u);
    command_add_int(cmd, u->deadline_ms);
    command_add_int(cmd, UPDATES_PENDING_MAX);
}

void command_cancel(struct redis_command *cmd, const char *id)
{
    const struct keys *k = keys_of_id(id);
    command_fcall(cmd, FN_CANCEL, 2);
    command_join(cmd, k->order_of, id);
    command_add(cmd, k->events);
}

/* ---- reading ------------------------------------------------------------------------------- */

void command_order(struct redis_command *cmd, const char *id)
{
    command_begin(cmd, "HGETALL");
    command_join(cmd, keys_of_id(id)->order_of, id);
}

void command_order_brief(struct redis_command *cmd, const char *id)
{
    command_begin(cmd, "HMGET");
    command_join(cmd, keys_of_id(id)->order_of, id);
    command_add_list(cmd, "item", "restaurant", "status", "created_at");
}

void command_restaurants(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "LRANGE");
    command_add_list(cmd, keys_of(shard)->restaurants, "0", "-1");
}

static void begin_restaurant(struct redis_command *cmd, int shard, const char *id)
{
    command_begin(cmd, "HMGET");
    command_join(cmd, keys_of(shard)->restaurant_of, id);
}

void command_restaurant_info(struct redis_command *cmd, int shard, const char *id)
{
    begin_restaurant(cmd, shard, id);
    command_add_list(cmd, "id", "name", "cuisine", "rating");
}

void command_restaurant_menu(struct redis_command *cmd, int shard, const char *id)
{
    begin_restaurant(cmd, shard, id);
    command_add_list(cmd, "menu", "currency");
}

void command_restaurant_reviews(struct redis_command *cmd, int shard, const char *id)
{
    begin_restaurant(cmd, shard, id);
    command_add(cmd, "reviews");
}

void command_user(struct redis_command *cmd, int shard, const char *id)
{
    command_begin(cmd, "HGETALL");
    command_join(cmd, keys_of(shard)->user_of, id);
}

void command_user_orders(struct redis_command *cmd, int shard, const char *id)
{
    command_begin(cmd, "LRANGE");
    add_user_orders_key(cmd, keys_of(shard), id);
    command_add_list(cmd, "0", "-1");
}

/* ---- events -------------------------------------------------------------------------------- */

void command_events_last(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "XREVRANGE");
    command_add_list(cmd, keys_of(shard)->events, "+", "-", "COUNT", "1");
}

void command_events_wait(struct redis_command *cmd, int shard, const char *last_id, int block_ms)
{
    command_begin(cmd, "XREAD");
    command_add_list(cmd, "COUNT", EVENTS_BATCH, "BLOCK");
    command_add_int(cmd, block_ms);
    command_add_list(cmd, "STREAMS", keys_of(shard)->events, last_id);
}
