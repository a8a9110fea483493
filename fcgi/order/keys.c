#include "order/keys.h"

#include "order/order.h"

static const struct keys KEYS[SHARD_COUNT] = {
    {
        .tag = SHARD,
        .ready = KEY_READY,
        .delayed = KEY_DELAYED,
        .dead = KEY_DEAD,
        .paused = KEY_PAUSED,
        .active_of = KEY_ACTIVE_PREFIX,
        .workers = KEY_WORKERS,
        .pulse = KEY_PULSE,
        .heartbeat_of = KEY_WORKER_PREFIX,
        .order_of = KEY_ORDER_PREFIX,
        .update_of = KEY_UPDATE_PREFIX,
        .idempotency_of = KEY_IDEM_PREFIX,
        .index = KEY_INDEX,
        .count = KEY_COUNT,
        .facts = KEY_FACTS,
        .retention = KEY_RETENTION,
        .events = KEY_EVENTS,
        .user_of = KEY_USER_PREFIX,
        .restaurants = KEY_RESTAURANTS,
        .restaurant_of = KEY_RESTAURANT_PREFIX,
        .ledger_of = KEY_GATEWAY_PREFIX,
        .chat = CHANNEL_CHAT,
        .chat_log = KEY_CHAT_LOG,
        .chat_present = KEY_CHAT_PRESENT,
        .chat_keys = KEY_CHAT_KEYS,
        .processes = KEY_PROCESSES,
        .process_metrics_of = KEY_PROCESS_METRICS_PREFIX,
    },
};

const struct keys *keys_of(int shard)
{
    return &KEYS[shard];
}

const struct keys *keys_of_id(const char *id)
{
    return keys_of(shard_of_id(id));
}

const char *keys_job_prefix(const char *id)
{
    const struct keys *k = keys_of_id(id);
    return job_is_update(id) ? k->update_of : k->order_of;
}
