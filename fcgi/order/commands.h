/* Every call of Redis that Tiffin makes: what is called, with which keys, in which order. A builder
 * fills a struct redis_command (base/command.h), whatever it held; store.c and chat.c send it from
 * the event loop, tiffin-ctl and the other tools wait for the answer (base/rds_sync.h).
 *
 * Nothing is sent here, and nothing fails. Texts are borrowed until the command is sent. An id
 * names its shard by itself; what belongs to no id is told the shard. What a function does, and
 * what it answers, is said in redis/functions/; how to read the answer, in store.h and chat.h. */
#ifndef TIFFIN_ORDER_COMMANDS_H
#define TIFFIN_ORDER_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/command.h"
#include "order/order.h"

/* Ids of jobs or workers, or payment keys; borrowed. */
struct id_list {
    const char *const *items;
    size_t n;
};

/* ---- new work (commands_order.c) ------------------------------------------------------------ */

struct order_request {
    char id[ORDER_ID_SIZE];
    const char *restaurant_id, *item;
    int quantity;
    const char *user_id;         /* "" = none */
    const char *idempotency_key; /* "" = none */
    int64_t deadline_ms;         /* by Redis' clock; later it stores nothing */
};
/* n orders, at least one. */
void command_place_orders(struct redis_command *cmd, int shard,
                          const struct order_request *const orders[], size_t n);

struct update_request {
    char id[ORDER_ID_SIZE];
    const char *message;
    int delay_ms;
    const char *idempotency_key; /* "" = none */
    int64_t deadline_ms;
};
#define UPDATES_PENDING_MAX 1000 /* the dead not counted, up to a bound: accept_update */
void command_accept_update(struct redis_command *cmd, const struct update_request *update);

void command_cancel(struct redis_command *cmd, const char *id);

/* ---- reading (commands_order.c) ------------------------------------------------------------- */

/* HGETALL: order_parse() reads it. */
void command_order(struct redis_command *cmd, const char *id);
/* item, restaurant, status, created_at. */
void command_order_brief(struct redis_command *cmd, const char *id);

/* Ids, in the catalogue's order. */
void command_restaurants(struct redis_command *cmd, int shard);
/* id, name, cuisine, rating; nil when unknown. */
void command_restaurant_info(struct redis_command *cmd, int shard, const char *id);
/* menu and currency. */
void command_restaurant_menu(struct redis_command *cmd, int shard, const char *id);
void command_restaurant_reviews(struct redis_command *cmd, int shard, const char *id);
/* HGETALL. */
void command_user(struct redis_command *cmd, int shard, const char *id);
/* The ids of the user's last orders, newest first. */
void command_user_orders(struct redis_command *cmd, int shard, const char *id);

/* The newest entry of the events stream. */
void command_events_last(struct redis_command *cmd, int shard);
/* Entries after `last_id`; blocks up to block_ms for one. */
void command_events_wait(struct redis_command *cmd, int shard, const char *last_id, int block_ms);

/* ---- a worker and its jobs (commands_worker.c) ---------------------------------------------- */

void command_beat(struct redis_command *cmd, int shard, const char *worker, int ttl_ms);
/* Redis' clock was set forward by by_ms since we agreed with it at agreed_ms (by that clock). */
void command_clock_set(struct redis_command *cmd, int shard, int64_t agreed_ms, int64_t by_ms);
/* Blocks up to block_s until a job is ready, and moves none: the last one onto itself. */
void command_wait_ready(struct redis_command *cmd, int shard, int block_s);

/* A claim of up to n jobs. */
struct claim_request {
    const char *worker;
    int n;
    int64_t now_ms; /* what Redis' clock must show at least */
};
void command_claim(struct redis_command *cmd, int shard, const struct claim_request *claim);

struct job_begin {
    const char *id;
    const char *payment_key; /* proposed: for an order that is about to be paid and has none */
};
struct begin_request {
    const char *worker;
    const struct job_begin *jobs;
    size_t n; /* at least 1 */
};
void command_begin_jobs(struct redis_command *cmd, int shard, const struct begin_request *begin);

/* A call with an older epoch is fenced: it changes nothing. */
struct step_done {
    const char *id;
    int64_t epoch;
    enum job_step step;
    const char *result; /* "ok"; of a payment also "declined", "not_charged" */
    int wait_ms;        /* before the next step; 0 = keep the job in hand */
};
struct step_request {
    const char *worker;
    const struct step_done *steps; /* each of another order */
    size_t n;                      /* at least 1 */
};
void command_step_jobs(struct redis_command *cmd, int shard, const struct step_request *step);

/* A job that a worker holds. */
struct held_job {
    const char *worker, *id;
    int64_t epoch;
};
struct step_failed {
    int wait_ms;       /* before it is tried again */
    int tries_allowed; /* so many, then it is dead */
    const char *reason;
};
void command_fail(struct redis_command *cmd, const struct held_job *job,
                  const struct step_failed *failed);
void command_publish_update(struct redis_command *cmd, const struct held_job *job);

/* The ids of the registered workers. */
void command_workers(struct redis_command *cmd, int shard);
/* How many of these have a heartbeat; at least one is asked about. */
void command_workers_alive(struct redis_command *cmd, int shard, const struct id_list *workers);

#define STORE_BATCH_MAX 100 /* ids of one reap, leave, release or forget: the rest is ignored */
#define CRASHES_ALLOWED 8   /* without progress; then dead */

struct reap_request {
    const char *worker; /* the dead one */
    int64_t now_ms;     /* as in struct claim_request */
    struct id_list ids; /* of those it holds */
};
void command_reap(struct redis_command *cmd, int shard, const struct reap_request *reap);
void command_leave(struct redis_command *cmd, int shard, const char *worker,
                   const struct id_list *ids);

/* ---- retention (commands_worker.c) ---------------------------------------------------------- */

/* The oldest orders from rank `first` of the index on, none placed within the last age_ms; it is
 * this worker's turn then for turn_ms. */
struct oldest_request {
    const char *worker;
    int turn_ms;
    size_t first;
    int64_t age_ms;
    int is_short; /* of memory */
};
void command_oldest(struct redis_command *cmd, int shard, const struct oldest_request *oldest);
void command_release_orders(struct redis_command *cmd, int shard, int is_short,
                            const struct id_list *ids);
void command_forget(struct redis_command *cmd, int shard, const struct id_list *ids);

/* ---- the simulated payment gateway's ledger (commands_worker.c) ----------------------------- */

/* A charge as the ledger is asked for it. */
struct charge {
    const char *payment_key;
    int64_t amount_cents;
    const char *currency;
    int64_t deadline_ms; /* by Redis' clock: a new key is not charged after it; 0 = none */
};
/* outcome: "captured" or "declined", if the key is new. */
void command_ledger_charge(struct redis_command *cmd, int shard, const struct charge *charge,
                           const char *outcome);
void command_ledger_refund(struct redis_command *cmd, int shard, const char *payment_key);
void command_ledger_forget(struct redis_command *cmd, int shard,
                           const struct id_list *payment_keys);
/* HGETALL of an entry. */
void command_ledger_entry(struct redis_command *cmd, int shard, const char *payment_key);
void command_ledger_exists(struct redis_command *cmd, int shard, const char *payment_key);

/* ---- the chat (commands_chat.c) ------------------------------------------------------------- */

struct chat_post;
struct chat_beat;
/* The newest n entries of the log, newest first. */
void command_chat_newest(struct redis_command *cmd, int shard, int n);
/* The n oldest entries with a higher id. */
void command_chat_after(struct redis_command *cmd, int shard, int64_t id, int n);
void command_chat_post(struct redis_command *cmd, int shard, const struct chat_post *post);
void command_chat_beat(struct redis_command *cmd, int shard, const struct chat_beat *beat);
/* Says it to all bridges without storing it. */
void command_chat_publish(struct redis_command *cmd, int shard, const char *json);
const char *chat_channel(int shard);

/* ---- the system (commands_system.c) --------------------------------------------------------- */

void command_library_version(struct redis_command *cmd);
/* The same of a shard, refused where its writes are. */
void command_ready(struct redis_command *cmd, int shard);
/* Redis' clock: seconds since the epoch, and microseconds. */
void command_time(struct redis_command *cmd);
/* What is queued between these two is done at one moment; the second answers with all replies. */
void command_multi(struct redis_command *cmd);
void command_exec(struct redis_command *cmd);
/* INFO of one section, as text. */
void command_info(struct redis_command *cmd, const char *section);
/* HGETALL of the counters. */
void command_counts(struct redis_command *cmd, int shard);
/* How many orders were ever placed, as text; nil: none. */
void command_placed(struct redis_command *cmd, int shard);
/* Orders placed until that time (ms) may have been forgotten to make room. */
void command_forgotten_to(struct redis_command *cmd, int shard);
/* keep_seconds, keep_least: for how long the workers keep settled orders, and the shortest that
 * orders of the last 90 days were kept. */
void command_kept(struct redis_command *cmd, int shard);
/* Counters and places of one moment. workers: as command_workers() told them, however many. */
void command_stats(struct redis_command *cmd, int shard, const struct id_list *workers);
/* How many orders were placed since then (ms). */
void command_placed_since(struct redis_command *cmd, int shard, int64_t since_ms);
/* Since when the queue is paused; nil: it is not. */
void command_paused(struct redis_command *cmd, int shard);
/* When a worker's last heartbeat was, as text; nil: it is dead. */
void command_heartbeat(struct redis_command *cmd, int shard, const char *worker);

#define PROCESS_METRICS_TTL_MS 3000
/* Processes that wrote their metrics since then (ms, by Redis' clock). */
void command_processes(struct redis_command *cmd, int shard, int64_t since_ms);
/* HGETALL of one of them. */
void command_process_metrics(struct redis_command *cmd, int shard, const char *process);
/* Writes them: field, value, field, value … (n texts). */
void command_process_metrics_write(struct redis_command *cmd, int shard, const char *process,
                                   size_t n, const char *const figures[]);

/* ---- the queue and single jobs (commands_queue.c) ------------------------------------------- */

/* The queue is in parts: a list of ready jobs, taken from the right; a list of each worker's active
 * jobs, the oldest claim at the right; the sets of the delayed and of the dead, by due time and
 * time of death (ms). */
enum queue_kind { QUEUE_READY, QUEUE_ACTIVE, QUEUE_DELAYED, QUEUE_DEAD };
struct queue_part {
    int shard;
    enum queue_kind kind;
    const char *worker; /* QUEUE_ACTIVE only */
};
void command_queue_length(struct redis_command *cmd, const struct queue_part *part);
/* The name of its key, for messages; the caller frees it. */
char *queue_part_key(const struct queue_part *part);
/* Ranks from first to last, both included, negative ones from the end (-1 = last): ids; of a set
 * id, time, id, time … */
void command_queue_range(struct redis_command *cmd, const struct queue_part *part, int64_t first,
                         int64_t last);
/* The ranks of an id in a list (an array), or its time in a set (nil: it is not in there). */
void command_queue_find(struct redis_command *cmd, const struct queue_part *part, const char *id);
/* ZSCAN of a set. */
void command_queue_scan(struct redis_command *cmd, const struct queue_part *part,
                        const char *cursor);

/* An order's or update's hash: HGETALL, HMGET of some fields, PTTL, EXISTS. */
void command_job(struct redis_command *cmd, const char *id);
void command_job_get(struct redis_command *cmd, const char *id, size_t n,
                     const char *const fields[]);
#define command_job_fields(cmd, id, ...) \
    command_job_get((cmd), (id), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                    (const char *const[]){__VA_ARGS__})
/* Its created_at, or accepted_at of an update: one text. */
void command_job_created_at(struct redis_command *cmd, const char *id);
void command_job_ttl(struct redis_command *cmd, const char *id);
void command_job_exists(struct redis_command *cmd, const char *id);

/* The index of orders by the time they were placed at (ms): one order's, and ZSCAN of all. */
void command_index_find(struct redis_command *cmd, const char *id);
void command_index_scan(struct redis_command *cmd, int shard, const char *cursor);

/* SCAN of a shard's keys; order/key_kind.h tells what they are. */
enum scan_kind { SCAN_ALL, SCAN_ORDERS, SCAN_UPDATES };
void command_scan(struct redis_command *cmd, int shard, enum scan_kind kind, const char *cursor);
/* A key that it told: HGETALL, LRANGE of all, GET, PTTL. */
void command_key_hash(struct redis_command *cmd, const char *key);
void command_key_list(struct redis_command *cmd, const char *key);
void command_key_text(struct redis_command *cmd, const char *key);
void command_key_ttl(struct redis_command *cmd, const char *key);

/* ---- operator commands and repairs (commands_repair.c) -------------------------------------- */

void command_requeue(struct redis_command *cmd, const char *id);
void command_discard(struct redis_command *cmd, const char *id);
/* money: "refunded" or "not_charged"; keep_s: how long the order is kept. */
void command_settle(struct redis_command *cmd, const char *id, const char *money, int64_t keep_s);
void command_pause(struct redis_command *cmd, int shard);
void command_resume(struct redis_command *cmd, int shard);

/* workers: all that are registered or have an active list. */
void command_repair_place(struct redis_command *cmd, const char *id, const struct id_list *workers);
/* created_ms: 0 = unknown. */
void command_repair_record(struct redis_command *cmd, const char *id, int64_t created_ms,
                           int64_t keep_s);
void command_repair_counts(struct redis_command *cmd, int shard, const struct id_list *workers);

#endif
