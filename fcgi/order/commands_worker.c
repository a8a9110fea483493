/* What a worker asks for: its heartbeat and claims, the steps of a job, dead workers, retention,
 * and the simulated payment gateway's ledger. */
#include "order/commands.h"

#include "base/conf.h"
#include "order/chat.h"
#include "order/keys.h"

#define DAY_S 86400

/* ---- heartbeat and claims ------------------------------------------------------------------ */

void command_beat(struct redis_command *cmd, int shard, const char *worker, int ttl_ms)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_BEAT, 4);
    command_add(cmd, k->workers);
    command_join(cmd, k->heartbeat_of, worker);
    command_add_list(cmd, k->pulse, k->delayed, worker);
    command_add_int(cmd, ttl_ms);
}

void command_clock_set(struct redis_command *cmd, int shard, int64_t agreed_ms, int64_t by_ms)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_CLOCK_SET, 2);
    command_add_list(cmd, k->pulse, k->delayed);
    command_add_int(cmd, agreed_ms);
    command_add_int(cmd, by_ms);
}

void command_wait_ready(struct redis_command *cmd, int shard, int block_s)
{
    const char *ready = keys_of(shard)->ready;
    command_begin(cmd, "BLMOVE");
    command_add_list(cmd, ready, ready, "RIGHT", "RIGHT");
    command_add_int(cmd, block_s);
}

void command_claim(struct redis_command *cmd, int shard, const struct claim_request *claim)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_CLAIM, 5);
    command_add(cmd, k->ready);
    command_join(cmd, k->active_of, claim->worker);
    command_add_list(cmd, k->delayed, k->workers, k->paused, claim->worker);
    command_add_int(cmd, claim->n);
    command_add_int(cmd, claim->now_ms);
}

/* ---- the steps of a job -------------------------------------------------------------------- */

static void add_job_key(struct redis_command *cmd, const char *id)
{
    command_join(cmd, keys_job_prefix(id), id);
}

void command_begin_jobs(struct redis_command *cmd, int shard, const struct begin_request *begin)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_BEGIN_JOBS, 3 + begin->n);
    command_join(cmd, k->active_of, begin->worker);
    command_add_list(cmd, k->dead, k->events);
    for (size_t i = 0; i < begin->n; i++)
        add_job_key(cmd, begin->jobs[i].id);
    for (size_t i = 0; i < begin->n; i++)
        command_add_list(cmd, begin->jobs[i].id, begin->jobs[i].payment_key);
}

void command_step_jobs(struct redis_command *cmd, int shard, const struct step_request *step)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_STEP_JOBS, 5 + step->n);
    command_join(cmd, k->active_of, step->worker);
    command_add_list(cmd, k->delayed, k->events, k->count, k->facts);
    for (size_t i = 0; i < step->n; i++)
        add_job_key(cmd, step->steps[i].id);
    command_add_int(cmd, (int64_t)conf.retention_days * DAY_S);
    for (size_t i = 0; i < step->n; i++) {
        const struct step_done *done = &step->steps[i];
        command_add(cmd, done->id);
        command_add_int(cmd, done->epoch);
        command_add_list(cmd, job_step_name(done->step), done->result);
        command_add_int(cmd, done->wait_ms);
    }
}

/* FCALL of a function whose first keys are the job and the active place of who holds it. */
static const struct keys *fcall_held(struct redis_command *cmd, const char *function, size_t n_keys,
                                     const char *worker, const char *id)
{
    const struct keys *k = keys_of_id(id);
    command_fcall(cmd, function, n_keys);
    add_job_key(cmd, id);
    command_join(cmd, k->active_of, worker);
    return k;
}

void command_fail(struct redis_command *cmd, const struct held_job *job,
                  const struct step_failed *failed)
{
    const struct keys *k = fcall_held(cmd, FN_FAIL, 5, job->worker, job->id);
    command_add_list(cmd, k->delayed, k->dead, k->events, job->id);
    command_add_int(cmd, job->epoch);
    command_add_int(cmd, failed->wait_ms);
    command_add_int(cmd, failed->tries_allowed);
    command_add(cmd, failed->reason);
}

void command_publish_update(struct redis_command *cmd, const struct held_job *job)
{
    const struct keys *k = fcall_held(cmd, FN_PUBLISH_UPDATE, 4, job->worker, job->id);
    command_add_list(cmd, k->count, k->chat_log, job->id);
    command_add_int(cmd, job->epoch);
    command_add(cmd, k->chat);
    command_add_int(cmd, CHAT_KEPT);
}

/* ---- workers that are gone ----------------------------------------------------------------- */

void command_workers(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "SMEMBERS");
    command_add(cmd, keys_of(shard)->workers);
}

void command_workers_alive(struct redis_command *cmd, int shard, const struct id_list *workers)
{
    command_begin(cmd, "EXISTS");
    for (size_t i = 0; i < workers->n; i++)
        command_join(cmd, keys_of(shard)->heartbeat_of, workers->items[i]);
}

static size_t batch(const struct id_list *ids)
{
    return ids->n < STORE_BATCH_MAX ? ids->n : STORE_BATCH_MAX;
}

/* After the fixed keys: the key of each job. */
static void add_job_keys(struct redis_command *cmd, const struct id_list *ids)
{
    for (size_t i = 0; i < batch(ids); i++)
        add_job_key(cmd, ids->items[i]);
}

/* After the fixed arguments: the ids, in the order of their keys. */
static void add_ids(struct redis_command *cmd, const struct id_list *ids)
{
    command_add_all(cmd, batch(ids), ids->items);
}

void command_reap(struct redis_command *cmd, int shard, const struct reap_request *reap)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_REAP, 7 + batch(&reap->ids));
    command_add(cmd, k->workers);
    command_join(cmd, k->heartbeat_of, reap->worker);
    command_join(cmd, k->active_of, reap->worker);
    command_add_list(cmd, k->ready, k->dead, k->events, k->pulse);
    add_job_keys(cmd, &reap->ids);
    command_add(cmd, reap->worker);
    command_add_int(cmd, CRASHES_ALLOWED);
    command_add_int(cmd, conf.worker_ttl_ms);
    command_add_int(cmd, reap->now_ms);
    add_ids(cmd, &reap->ids);
}

void command_leave(struct redis_command *cmd, int shard, const char *worker,
                   const struct id_list *ids)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_LEAVE, 4 + batch(ids));
    command_add(cmd, k->workers);
    command_join(cmd, k->heartbeat_of, worker);
    command_join(cmd, k->active_of, worker);
    command_add(cmd, k->ready);
    add_job_keys(cmd, ids);
    command_add(cmd, worker);
    add_ids(cmd, ids);
}

/* ---- retention ----------------------------------------------------------------------------- */

void command_oldest(struct redis_command *cmd, int shard, const struct oldest_request *oldest)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_OLDEST, 4);
    command_add_list(cmd, k->retention, k->index, k->events, k->chat_log, oldest->worker);
    command_add_int(cmd, oldest->turn_ms);
    command_add_int(cmd, (int64_t)oldest->first);
    command_add_int(cmd, STORE_BATCH_MAX);
    command_add_int(cmd, oldest->age_ms);
    command_add_int(cmd, oldest->is_short != 0);
}

void command_release_orders(struct redis_command *cmd, int shard, int is_short,
                            const struct id_list *ids)
{
    command_fcall(cmd, FN_RELEASE, 1 + batch(ids));
    command_add(cmd, keys_of(shard)->index);
    add_job_keys(cmd, ids);
    command_add_int(cmd, is_short != 0);
    add_ids(cmd, ids);
}

void command_forget(struct redis_command *cmd, int shard, const struct id_list *ids)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_FORGET, 2 + batch(ids));
    command_add_list(cmd, k->index, k->count);
    add_job_keys(cmd, ids);
    add_ids(cmd, ids);
}

/* ---- the simulated payment gateway's ledger ------------------------------------------------ */

static void add_entry_key(struct redis_command *cmd, int shard, const char *payment_key)
{
    command_join(cmd, keys_of(shard)->ledger_of, payment_key);
}

void command_ledger_charge(struct redis_command *cmd, int shard, const struct charge *charge,
                           const char *outcome)
{
    command_fcall(cmd, FN_GATEWAY_CHARGE, 1);
    add_entry_key(cmd, shard, charge->payment_key);
    command_add_int(cmd, charge->amount_cents);
    command_add_list(cmd, charge->currency, outcome);
    command_add_int(cmd, charge->deadline_ms);
}

void command_ledger_refund(struct redis_command *cmd, int shard, const char *payment_key)
{
    command_fcall(cmd, FN_GATEWAY_REFUND, 1);
    add_entry_key(cmd, shard, payment_key);
}

void command_ledger_forget(struct redis_command *cmd, int shard, const struct id_list *payment_keys)
{
    command_fcall(cmd, FN_GATEWAY_FORGET, batch(payment_keys));
    for (size_t i = 0; i < batch(payment_keys); i++)
        add_entry_key(cmd, shard, payment_keys->items[i]);
}

void command_ledger_entry(struct redis_command *cmd, int shard, const char *payment_key)
{
    command_begin(cmd, "HGETALL");
    add_entry_key(cmd, shard, payment_key);
}

void command_ledger_exists(struct redis_command *cmd, int shard, const char *payment_key)
{
    command_begin(cmd, "EXISTS");
    add_entry_key(cmd, shard, payment_key);
}
