/* Every Redis key, channel and function name of Tiffin, once. Only order/ and the tools that handle
 * the whole store (tiffin-load, tiffin-ctl) include this; a test compares the function names with
 * redis/functions/. The tag {s00} is the shard: all that one function touches lies in one Redis
 * Cluster slot. */
#ifndef TIFFIN_ORDER_KEYS_H
#define TIFFIN_ORDER_KEYS_H

#define SHARD "{s00}"

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

#define FN_PLACE "place"
#define FN_ACCEPT_UPDATE "accept_update"
#define FN_CANCEL "cancel"
#define FN_BEAT "beat"
#define FN_CLOCK_SET "clock_set"
#define FN_TAKE "take"
#define FN_BEGIN "begin"
#define FN_INTENT "intent"
#define FN_STEP "step"
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
#define FN_LIVE_WRITE "live_write"
#define FN_TRIM "trim" /* called by workers of version 1 alone */
#define FN_OLDEST "oldest"
#define FN_RELEASE "release"
#define FN_FORGET "forget"
#define FN_REPAIR_PLACE "repair_place"
#define FN_REPAIR_RECORD "repair_record"
#define FN_REPAIR_COUNTS "repair_counts"
#define FN_LIBRARY_VERSION "library_version"
#define FN_GATEWAY_CHARGE "gateway_charge"
#define FN_GATEWAY_REFUND "gateway_refund"
#define FN_GATEWAY_FORGET "gateway_forget"

#define LIBRARY_VERSION "2"

#endif
