/* Redis from inside an event loop: sends the commands that commands.h builds, and reads the
 * answers.
 *
 * store_<what>() sends one command and returns it for rds_cancel(); its answer comes to `fn` as
 * rds.h promises. store_<what>_parse() reads the answer where it is more than text. Arguments are
 * copied before the call returns. What each function does is said in redis/functions/. */
#ifndef TIFFIN_ORDER_STORE_H
#define TIFFIN_ORDER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/rds.h"
#include "order/commands.h"
#include "order/order.h"

/* ---- new work (API) ------------------------------------------------------------------------ */

enum place_outcome {
    PLACE_DONE,          /* the order is stored, on disk; also when this id was stored before */
    PLACE_REPLAY,        /* the key was used for this same order before: id is the first one's */
    PLACE_MISMATCH,      /* the key was used for another order */
    PLACE_LATE,          /* the deadline had passed: nothing is stored */
    PLACE_NO_RESTAURANT, /* unknown restaurant_id */
    PLACE_NO_ITEM,       /* not on its menu */
    PLACE_NO_USER,       /* unknown user_id */
    PLACE_BUSY,          /* orders only: the queue is older than conf.queue_age_s */
    PLACE_FULL,          /* updates only: too many pending */
};

/* n orders, at least one. Answer: one per order, in their order. */
struct rds_cmd *store_place_orders(struct rds *r, const struct order_request *const orders[],
                                   size_t n, rds_reply_fn fn, void *arg);
/* 0, or -EPROTO. ret_id is set by PLACE_DONE and PLACE_REPLAY. */
int store_place_parse(const struct redisReply *reply, enum place_outcome *ret,
                      char ret_id[ORDER_ID_SIZE]);

/* Parsed by store_place_parse(). */
struct rds_cmd *store_accept_update(struct rds *r, const struct update_request *update,
                                    rds_reply_fn fn, void *arg);

enum cancel_outcome { CANCEL_DONE, CANCEL_NOT_FOUND, CANCEL_TOO_LATE };
struct rds_cmd *store_cancel(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
int store_cancel_parse(const struct redisReply *reply, enum cancel_outcome *ret);

/* ---- reading (API) ------------------------------------------------------------------------- */

/* HGETALL: order_parse() reads it. */
struct rds_cmd *store_order(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* item, restaurant, status, created_at of an order, in this order. */
struct rds_cmd *store_order_brief(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* Restaurant ids, in the catalogue's order. */
struct rds_cmd *store_restaurants(struct rds *r, rds_reply_fn fn, void *arg);
/* id, name, cuisine, rating; nil when unknown. */
struct rds_cmd *store_restaurant_info(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* menu (a JSON array of {name, price_cents}) and currency. */
struct rds_cmd *store_restaurant_menu(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* reviews (a JSON array of strings). */
struct rds_cmd *store_restaurant_reviews(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* HGETALL of a user. */
struct rds_cmd *store_user(struct rds *r, const char *id, rds_reply_fn fn, void *arg);
/* The ids of the user's last orders, newest first. */
struct rds_cmd *store_user_orders(struct rds *r, const char *id, rds_reply_fn fn, void *arg);

/* ---- events (API) -------------------------------------------------------------------------- */

/* The newest entry of the events stream: at most one [id, fields]. */
struct rds_cmd *store_events_last(struct rds *r, rds_reply_fn fn, void *arg);
/* Entries after `last_id`; waits up to block_ms for one (nil then). Its own connection. */
struct rds_cmd *store_events_wait(struct rds *r, const char *last_id, int block_ms, rds_reply_fn fn,
                                  void *arg);
/* The entries of that answer: an array of [id, fields], or NULL. */
const struct redisReply *store_events_entries(const struct redisReply *reply);

/* ---- worker -------------------------------------------------------------------------------- */

/* Answer: ["ok", ms for which the heartbeats of all workers have been steady, Redis' time in ms].
 */
struct rds_cmd *store_beat(struct rds *r, const char *worker, int ttl_ms, rds_reply_fn fn,
                           void *arg);
/* Redis' clock was set forward by so much since we agreed with it (ms, by that clock).
 * Answer: ["put_off" or "known", Redis' time in ms]. */
struct rds_cmd *store_clock_set(struct rds *r, int64_t agreed_ms, int64_t by_ms, rds_reply_fn fn,
                                void *arg);
/* Answer: [ms until the next delayed job is due or -1, id, ...], ["unregistered"], or ["late"]: its
 * clock shows far more than now_ms. */
struct rds_cmd *store_claim(struct rds *r, const struct claim_request *claim, rds_reply_fn fn,
                            void *arg);
/* Waits until the ready list is not empty, without taking anything: the list's last element is
 * moved onto itself. Its own connection. */
struct rds_cmd *store_wait_ready(struct rds *r, int block_s, rds_reply_fn fn, void *arg);

#define PAYMENT_KEY_SIZE 40

/* What begin_jobs tells of a job. */
struct job_begun {
    int64_t epoch;
    enum job_step step;
    int tries;
    int is_cancelled;
    int64_t amount_cents;
    char currency[8];
    char payment_key[PAYMENT_KEY_SIZE]; /* "" = none: an update, or cancelled before it had one */
};
/* Answer: one per job, in their order. */
struct rds_cmd *store_begin_jobs(struct rds *r, const struct begin_request *begin, rds_reply_fn fn,
                                 void *arg);
/* Reads the answer about one job. 0; -ESTALE: not mine any more; -ETIME: its payment is too old for
 * the gateway to be asked about, so it is dead (needs review), and ret_reason says why (as long as
 * the reply lives); -EPROTO: the step is unknown or the answer is malformed. Epoch and tries are
 * set wherever they can be read, so that such a job can be failed. */
int store_begin_parse(const struct redisReply *reply, struct job_begun *ret,
                      const char **ret_reason);

/* Answer: one per job, in their order. */
struct rds_cmd *store_step_jobs(struct rds *r, const struct step_request *step, rds_reply_fn fn,
                                void *arg);

enum job_fate { FATE_HELD, FATE_DELAYED, FATE_SETTLED };
struct step_next {
    enum job_fate fate;
    enum job_step step; /* unless settled */
};
/* Reads the answer of step_jobs about one job. 0, -ESTALE or -EPROTO. */
int store_step_parse(const struct redisReply *reply, struct step_next *ret);

/* What begin_jobs or step_jobs say in the place of an answer about a job that they could do nothing
 * for; NULL: it is no such text. */
const char *store_job_error(const struct redisReply *reply);

/* Answer: ["delayed", tries], ["dead", tries] or ["fenced"]; read with store_word(). */
struct rds_cmd *store_fail(struct rds *r, const struct held_job *job,
                           const struct step_failed *failed, rds_reply_fn fn, void *arg);
/* Answer: ["published", n] or ["fenced"]. */
struct rds_cmd *store_publish_update(struct rds *r, const struct held_job *job, rds_reply_fn fn,
                                     void *arg);

/* Up to `limit` ids of those that a worker holds (-1 = all). */
struct rds_cmd *store_active(struct rds *r, const char *worker, int limit, rds_reply_fn fn,
                             void *arg);
/* How many orders were ever placed; nil: none. */
struct rds_cmd *store_placed(struct rds *r, rds_reply_fn fn, void *arg);
struct rds_cmd *store_workers(struct rds *r, rds_reply_fn fn, void *arg);
/* How many of these have a heartbeat; n is at least 1. */
struct rds_cmd *store_workers_alive(struct rds *r, const char *const workers[], size_t n,
                                    rds_reply_fn fn, void *arg);

/* Answer: ["reaped", moved, left], or ["alive"], also when that cannot be known because clocks were
 * set or heartbeats have not been steady. */
struct rds_cmd *store_reap(struct rds *r, const struct reap_request *reap, rds_reply_fn fn,
                           void *arg);
/* Answer: ["left", given back, still held]. */
struct rds_cmd *store_leave(struct rds *r, const char *worker, const struct id_list *ids,
                            rds_reply_fn fn, void *arg);

/* The first word of an answer like ["placed", …]; "" when there is none. */
const char *store_word(const struct redisReply *reply);

/* ---- retention (worker; the round is drawn in redis/functions/) ------------------------------ */

/* Answer: ["oldest", id, ...], at most STORE_BATCH_MAX, or ["waiting"] when it is another worker's
 * turn. */
struct rds_cmd *store_oldest(struct rds *r, const struct oldest_request *oldest, rds_reply_fn fn,
                             void *arg);
/* Answer: ["released", how many of these stay, payment key, ...]. */
struct rds_cmd *store_release(struct rds *r, int is_short, const struct id_list *ids,
                              rds_reply_fn fn, void *arg);
/* Answer: ["forgotten", n]. */
struct rds_cmd *store_forget(struct rds *r, const char *const ids[], size_t n, rds_reply_fn fn,
                             void *arg);

/* ---- the simulated payment gateway's ledger ------------------------------------------------- */

/* outcome: "captured" or "declined", if the key is new. Answer: [first result, requests so far], or
 * ["late"]. */
struct rds_cmd *store_gateway_charge(struct rds *r, const struct charge *charge,
                                     const char *outcome, rds_reply_fn fn, void *arg);
/* Answer: ["refunded"] or ["nothing"]. */
struct rds_cmd *store_gateway_refund(struct rds *r, const char *payment_key, rds_reply_fn fn,
                                     void *arg);
/* At most STORE_BATCH_MAX keys. Answer: ["forgotten", n]. */
struct rds_cmd *store_gateway_forget(struct rds *r, const char *const payment_keys[], size_t n,
                                     rds_reply_fn fn, void *arg);

/* ---- health and figures --------------------------------------------------------------------- */

struct rds_cmd *store_library_version(struct rds *r, rds_reply_fn fn, void *arg);
/* The same, refused where writes are. */
struct rds_cmd *store_ready(struct rds *r, rds_reply_fn fn, void *arg);
int store_library_version_ok(const struct redisReply *reply);
/* The version that this program is made for. */
const char *store_library_version_expected(void);
/* INFO persistence / memory, as text. */
struct rds_cmd *store_info(struct rds *r, const char *section, rds_reply_fn fn, void *arg);
/* HGETALL of the counters. */
struct rds_cmd *store_counts(struct rds *r, rds_reply_fn fn, void *arg);

/* Counters and places of one moment. */
struct store_stats {
    int64_t placed, settled, updates_pending;
    int64_t ready, active, delayed, dead;
    int64_t is_paused;
};
/* `workers` as store_workers() told them, however many. */
struct rds_cmd *store_stats(struct rds *r, const char *const workers[], size_t n, rds_reply_fn fn,
                            void *arg);
/* 0; -EAGAIN: a worker came or went, read store_workers() again; -EPROTO. */
int store_stats_parse(const struct redisReply *reply, struct store_stats *ret);
/* How many jobs are missing from, or too many in, the four places: 0 unless something is broken. */
int64_t store_stats_violations(const struct store_stats *s);

/* How many orders were placed since then (ms, Redis' clock). */
struct rds_cmd *store_placed_since(struct rds *r, int64_t since_ms, rds_reply_fn fn, void *arg);
/* The job that will be taken next ([id] or []), and when it was created. */
struct rds_cmd *store_oldest_ready(struct rds *r, rds_reply_fn fn, void *arg);
struct rds_cmd *store_job_created_at(struct rds *r, const char *id, rds_reply_fn fn, void *arg);

/* Processes that wrote their figures within the last PROCESS_METRICS_TTL_MS; HGETALL of one of
 * them. */
struct rds_cmd *store_processes(struct rds *r, rds_reply_fn fn, void *arg);
struct rds_cmd *store_process_metrics(struct rds *r, const char *process, rds_reply_fn fn,
                                      void *arg);
/* Writes this process' figures: field, value, field, value … (n strings). */
void store_process_metrics_write(struct rds *r, const char *process, size_t n,
                                 const char *const figures[]);

#endif
