/* One function, one command: commands.h builds it, rds.h sends it. */
#include "order/store.h"

#include "order/commands.h"

/* ---- new work ------------------------------------------------------------------------------ */

struct rds_cmd *store_place_orders(struct rds *r, const struct order_request *const orders[],
                                   size_t n, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_place_orders(&cmd, rds_shard(r), orders, n);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_accept_update(struct rds *r, const struct update_request *update,
                                    rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_accept_update(&cmd, update);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_cancel(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_cancel(&cmd, id);
    return rds_send(r, &cmd, fn, arg);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct rds_cmd *store_order(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_order(&cmd, id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_order_brief(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_order_brief(&cmd, id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_restaurants(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_restaurants(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_restaurant_info(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_restaurant_info(&cmd, rds_shard(r), id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_restaurant_menu(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_restaurant_menu(&cmd, rds_shard(r), id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_restaurant_reviews(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_restaurant_reviews(&cmd, rds_shard(r), id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_user(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_user(&cmd, rds_shard(r), id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_user_orders(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_user_orders(&cmd, rds_shard(r), id);
    return rds_send(r, &cmd, fn, arg);
}

/* ---- events -------------------------------------------------------------------------------- */

struct rds_cmd *store_events_last(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_events_last(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_events_wait(struct rds *r, const char *last_id, int block_ms, rds_reply_fn fn,
                                  void *arg)
{
    struct redis_command cmd;
    command_events_wait(&cmd, rds_shard(r), last_id, block_ms);
    return rds_send(r, &cmd, fn, arg);
}

/* ---- worker -------------------------------------------------------------------------------- */

struct rds_cmd *store_beat(struct rds *r, const char *worker, int ttl_ms, rds_reply_fn fn,
                           void *arg)
{
    struct redis_command cmd;
    command_beat(&cmd, rds_shard(r), worker, ttl_ms);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_clock_set(struct rds *r, int64_t agreed_ms, int64_t by_ms, rds_reply_fn fn,
                                void *arg)
{
    struct redis_command cmd;
    command_clock_set(&cmd, rds_shard(r), agreed_ms, by_ms);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_claim(struct rds *r, const struct claim_request *claim, rds_reply_fn fn,
                            void *arg)
{
    struct redis_command cmd;
    command_claim(&cmd, rds_shard(r), claim);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_begin_jobs(struct rds *r, const struct begin_request *begin, rds_reply_fn fn,
                                 void *arg)
{
    struct redis_command cmd;
    command_begin_jobs(&cmd, rds_shard(r), begin);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_step_jobs(struct rds *r, const struct step_request *step, rds_reply_fn fn,
                                void *arg)
{
    struct redis_command cmd;
    command_step_jobs(&cmd, rds_shard(r), step);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_wait_ready(struct rds *r, int block_s, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_wait_ready(&cmd, rds_shard(r), block_s);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_fail(struct rds *r, const struct held_job *job,
                           const struct step_failed *failed, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_fail(&cmd, job, failed);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_publish_update(struct rds *r, const struct held_job *job, rds_reply_fn fn,
                                     void *arg)
{
    struct redis_command cmd;
    command_publish_update(&cmd, job);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_active(struct rds *r, const char *worker, int limit, rds_reply_fn fn,
                             void *arg)
{
    const struct queue_part part = {rds_shard(r), QUEUE_ACTIVE, worker};
    struct redis_command cmd;
    command_queue_range(&cmd, &part, limit < 0 ? 0 : -limit, -1);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_placed(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_placed(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_workers(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_workers(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_workers_alive(struct rds *r, const char *const workers[], size_t n,
                                    rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_workers_alive(&cmd, rds_shard(r), &(struct id_list){workers, n});
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_reap(struct rds *r, const struct reap_request *reap, rds_reply_fn fn,
                           void *arg)
{
    struct redis_command cmd;
    command_reap(&cmd, rds_shard(r), reap);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_leave(struct rds *r, const char *worker, const struct id_list *ids,
                            rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_leave(&cmd, rds_shard(r), worker, ids);
    return rds_send(r, &cmd, fn, arg);
}

/* ---- retention ----------------------------------------------------------------------------- */

struct rds_cmd *store_oldest(struct rds *r, const struct oldest_request *oldest, rds_reply_fn fn,
                             void *arg)
{
    struct redis_command cmd;
    command_oldest(&cmd, rds_shard(r), oldest);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_release(struct rds *r, int is_short, const struct id_list *ids,
                              rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_release_orders(&cmd, rds_shard(r), is_short, ids);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_forget(struct rds *r, const char *const ids[], size_t n, rds_reply_fn fn,
                             void *arg)
{
    struct redis_command cmd;
    command_forget(&cmd, rds_shard(r), &(struct id_list){ids, n});
    return rds_send(r, &cmd, fn, arg);
}

/* ---- the simulated payment gateway's ledger ------------------------------------------------ */

struct rds_cmd *store_gateway_charge(struct rds *r, const struct charge *charge,
                                     const char *outcome, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_ledger_charge(&cmd, rds_shard(r), charge, outcome);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_gateway_refund(struct rds *r, const char *payment_key, rds_reply_fn fn,
                                     void *arg)
{
    struct redis_command cmd;
    command_ledger_refund(&cmd, rds_shard(r), payment_key);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_gateway_forget(struct rds *r, const char *const payment_keys[], size_t n,
                                     rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_ledger_forget(&cmd, rds_shard(r), &(struct id_list){payment_keys, n});
    return rds_send(r, &cmd, fn, arg);
}

/* ---- health and metrics -------------------------------------------------------------------- */

struct rds_cmd *store_library_version(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_library_version(&cmd);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_ready(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_ready(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_info(struct rds *r, const char *section, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_info(&cmd, section);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_counts(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_counts(&cmd, rds_shard(r));
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_stats(struct rds *r, const char *const workers[], size_t n, rds_reply_fn fn,
                            void *arg)
{
    struct redis_command cmd;
    command_stats(&cmd, rds_shard(r), &(struct id_list){workers, n});
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_placed_since(struct rds *r, int64_t since_ms, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_placed_since(&cmd, rds_shard(r), since_ms);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_oldest_ready(struct rds *r, rds_reply_fn fn, void *arg)
{
    const struct queue_part ready = {.shard = rds_shard(r), .kind = QUEUE_READY};
    struct redis_command cmd;
    command_queue_range(&cmd, &ready, -1, -1);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_job_created_at(struct rds *r, const char *id, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_job_created_at(&cmd, id);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_processes(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_processes(&cmd, rds_shard(r), rds_now_ms(r) - PROCESS_METRICS_TTL_MS);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *store_process_metrics(struct rds *r, const char *process, rds_reply_fn fn,
                                      void *arg)
{
    struct redis_command cmd;
    command_process_metrics(&cmd, rds_shard(r), process);
    return rds_send(r, &cmd, fn, arg);
}

void store_process_metrics_write(struct rds *r, const char *process, size_t n,
                                 const char *const figures[])
{
    struct redis_command cmd;
    command_process_metrics_write(&cmd, rds_shard(r), process, n, figures);
    rds_send(r, &cmd, NULL, NULL);
}
