/* What operators do: requeue, discard, settle, pause, repair. */
#include "order/commands.h"
#include "order/keys.h"

/* FCALL of a function whose first key is the job. */
static const struct keys *fcall_job(struct redis_command *cmd, const char *function, size_t n_keys,
                                    const char *id)
{
    command_fcall(cmd, function, n_keys);
    command_join(cmd, keys_job_prefix(id), id);
    return keys_of_id(id);
}

void command_requeue(struct redis_command *cmd, const char *id)
{
    const struct keys *k = fcall_job(cmd, FN_REQUEUE, 4, id);
    command_add_list(cmd, k->ready, k->dead, k->events, id);
}

void command_discard(struct redis_command *cmd, const char *id)
{
    const struct keys *k = fcall_job(cmd, FN_DISCARD, 5, id);
    command_add_list(cmd, k->ready, k->dead, k->events, k->count, id);
}

void command_settle(struct redis_command *cmd, const char *id, const char *money, int64_t keep_s)
{
    const struct keys *k = fcall_job(cmd, FN_SETTLE, 5, id);
    command_add_list(cmd, k->dead, k->events, k->count, k->facts, id, money);
    command_add_int(cmd, keep_s);
}

void command_pause(struct redis_command *cmd, int shard)
{
    command_fcall(cmd, FN_PAUSE, 1);
    command_add(cmd, keys_of(shard)->paused);
}

void command_resume(struct redis_command *cmd, int shard)
{
    command_fcall(cmd, FN_RESUME, 1);
    command_add(cmd, keys_of(shard)->paused);
}

void command_repair_place(struct redis_command *cmd, const char *id, const struct id_list *workers)
{
    const struct keys *k = fcall_job(cmd, FN_REPAIR_PLACE, 5 + 2 * workers->n, id);
    command_add_list(cmd, k->ready, k->delayed, k->dead, k->workers);
    for (size_t i = 0; i < workers->n; i++) {
        command_join(cmd, k->heartbeat_of, workers->items[i]);
        command_join(cmd, k->active_of, workers->items[i]);
    }
    command_add(cmd, id);
    command_add_all(cmd, workers->n, workers->items);
}

void command_repair_record(struct redis_command *cmd, const char *id, int64_t created_ms,
                           int64_t keep_s)
{
    const struct keys *k = fcall_job(cmd, FN_REPAIR_RECORD, 2, id);
    command_add_list(cmd, k->index, id);
    command_add_int(cmd, created_ms);
    command_add_int(cmd, keep_s);
}

void command_repair_counts(struct redis_command *cmd, int shard, const struct id_list *workers)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_REPAIR_COUNTS, 5 + workers->n);
    command_add_list(cmd, k->count, k->ready, k->delayed, k->dead, k->workers);
    for (size_t i = 0; i < workers->n; i++)
        command_join(cmd, k->active_of, workers->items[i]);
}
