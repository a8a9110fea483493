/* Every Redis key, channel and function name of Tiffin, once. Who asks Redis takes a command from
 * commands.h instead; besides order/, only tiffin-load writes keys of its own (the catalogue). A
 * test compares the function names with redis/functions/. */
#ifndef TIFFIN_ORDER_KEYS_H
#define TIFFIN_ORDER_KEYS_H

#include <stddef.h>

#include "order/shard.h"

/* The tag of a shard's keys: Redis Cluster hashes only what stands in the braces. */
#define SHARD "{s" SHARD_DIGITS "}"

#define KEY_READY "jobs:" SHARD ":ready"
#define KEY_DELAYED "jobs:" SHARD ":delayed"
#define KEY_DEAD "jobs:" SHARD ":dead"
#define KEY_PAUSED "jobs:" SHARD ":paused"
#define KEY_ACTIVE_PREFIX "jobs:" SHARD ":active:"
#define KEY_WORKERS "workers:" SHARD
#define KEY_PULSE "pulse:" SHARD
#define KEY_WORKER_PREFIX "worker:" SHARD ":"
#define KEY_ORDER_PREFIX "order:" SHARD ":"
#define KEY_UPDATE_PREFIX "update:" SHARD ":"
#define KEY_IDEM_PREFIX "idem:" SHARD ":"
#define KEY_USER_PREFIX "user:" SHARD ":"
#define KEY_USER_ORDERS_SUFFIX ":orders"
#define KEY_INDEX "orders:" SHARD ":index"
#define KEY_COUNT "count:" SHARD
#define KEY_FACTS "facts:" SHARD /* settings of the workers that others must know as well */
#define KEY_RETENTION "retention:" SHARD
#define KEY_EVENTS "events:" SHARD
#define KEY_RESTAURANTS "restaurants:" SHARD
#define KEY_RESTAURANT_PREFIX "restaurant:" SHARD ":"
#define KEY_GATEWAY_PREFIX "gateway:" SHARD ":"
#define KEY_CHAT_LOG "chat:" SHARD ":log"
#define KEY_CHAT_PRESENT "chat:" SHARD ":present"
#define KEY_CHAT_KEYS "chat:" SHARD ":keys"
#define KEY_PROCESSES "live:" SHARD
#define KEY_PROCESS_METRICS_PREFIX "live:" SHARD ":"
#define CHANNEL_CHAT "chat:" SHARD

/* The keys of one shard. Those called …_of lack what they are of: a worker, an id, a key. */
struct keys {
    const char *tag; /* stands in each of them */
    const char *ready, *delayed, *dead, *paused, *active_of;
    const char *workers, *pulse, *heartbeat_of;
    const char *order_of, *update_of, *idempotency_of;
    const char *index, *count, *facts, *retention, *events;
    const char *user_of, *restaurants, *restaurant_of;
    const char *ledger_of;
    const char *chat, *chat_log, *chat_present, *chat_keys; /* chat: the channel */
    const char *processes, *process_metrics_of;
};

/* shard: 0 to SHARD_COUNT - 1. */
const struct keys *keys_of(int shard);
const struct keys *keys_of_id(const char *id);

/* What stands before the id in the key of an order or update. */
const char *keys_job_prefix(const char *id);

#define FN_PLACE_ORDERS "place_orders"
#define FN_ACCEPT_UPDATE "accept_update"
#define FN_CANCEL "cancel"
#define FN_BEAT "beat"
#define FN_CLOCK_SET "clock_set"
#define FN_CLAIM "claim"
#define FN_BEGIN_JOBS "begin_jobs"
#define FN_STEP_JOBS "step_jobs"
#define FN_FAIL "fail"
#define FN_PUBLISH_UPDATE "publish_update"
#define FN_CHAT_POST "chat_post"
#define FN_CHAT_BEAT "chat_beat"
#define FN_REAP "reap"
#define FN_LEAVE "leave"
#define FN_REQUEUE "requeue"
#define FN_DISCARD "discard"
#define FN_SETTLE "settle"
#define FN_PAUSE "pause"
#define FN_RESUME "resume"
#define FN_STATS "stats"
#define FN_ACTIVE "active"
#define FN_LIVE_WRITE "live_write"
/* Called by workers of version 1 … */
#define FN_TRIM "trim"
/* … and by programs of version 2 alone. */
#define FN_PLACE "place"
#define FN_TAKE "take"
#define FN_BEGIN "begin"
#define FN_INTENT "intent"
#define FN_STEP "step"
#define FN_OLDEST "oldest"
#define FN_RELEASE "release"
#define FN_FORGET "forget"
#define FN_REPAIR_PLACE "repair_place"
#define FN_REPAIR_RECORD "repair_record"
#define FN_REPAIR_COUNTS "repair_counts"
#define FN_LIBRARY_VERSION "library_version"
#define FN_READY "ready"
#define FN_GATEWAY_CHARGE "gateway_charge"
#define FN_GATEWAY_REFUND "gateway_refund"
#define FN_GATEWAY_FORGET "gateway_forget"

#define LIBRARY_VERSION "3"

#endif
