/* Versions, counters, metrics, pause: how the system is. */
#include "order/commands.h"
#include "order/keys.h"

void command_library_version(struct redis_command *cmd)
{
    command_fcall_ro(cmd, FN_LIBRARY_VERSION, 0);
}

void command_ready(struct redis_command *cmd, int shard)
{
    command_fcall(cmd, FN_READY, 1);
    command_add(cmd, keys_of(shard)->count);
}

void command_time(struct redis_command *cmd)
{
    command_begin(cmd, "TIME");
}

void command_multi(struct redis_command *cmd)
{
    command_begin(cmd, "MULTI");
}

void command_exec(struct redis_command *cmd)
{
    command_begin(cmd, "EXEC");
}

void command_info(struct redis_command *cmd, const char *section)
{
    command_begin(cmd, "INFO");
    command_add(cmd, section);
}

/* ---- counters ------------------------------------------------------------------------------ */

void command_counts(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "HGETALL");
    command_add(cmd, keys_of(shard)->count);
}

void command_placed(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "HGET");
    command_add_list(cmd, keys_of(shard)->count, "placed");
}

void command_forgotten_to(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "HGET");
    command_add_list(cmd, keys_of(shard)->count, "forgotten_to");
}

void command_kept(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "HMGET");
    command_add_list(cmd, keys_of(shard)->facts, "keep_seconds", "keep_least");
}

void command_stats(struct redis_command *cmd, int shard, const struct id_list *workers)
{
    const struct keys *k = keys_of(shard);
    command_fcall_ro(cmd, FN_STATS, 6 + workers->n);
    command_add_list(cmd, k->count, k->ready, k->delayed, k->dead, k->workers, k->paused);
    for (size_t i = 0; i < workers->n; i++)
        command_join(cmd, k->active_of, workers->items[i]);
}

void command_placed_since(struct redis_command *cmd, int shard, int64_t since_ms)
{
    command_begin(cmd, "ZCOUNT");
    command_add(cmd, keys_of(shard)->index);
    command_add_int(cmd, since_ms);
    command_add(cmd, "+inf");
}

/* ---- workers and processes ----------------------------------------------------------------- */

void command_paused(struct redis_command *cmd, int shard)
{
    command_begin(cmd, "GET");
    command_add(cmd, keys_of(shard)->paused);
}

void command_heartbeat(struct redis_command *cmd, int shard, const char *worker)
{
    command_begin(cmd, "GET");
    command_join(cmd, keys_of(shard)->heartbeat_of, worker);
}

void command_processes(struct redis_command *cmd, int shard, int64_t since_ms)
{
    command_begin(cmd, "ZRANGEBYSCORE");
    command_add(cmd, keys_of(shard)->processes);
    command_add_int(cmd, since_ms);
    command_add(cmd, "+inf");
}

void command_process_metrics(struct redis_command *cmd, int shard, const char *process)
{
    command_begin(cmd, "HGETALL");
    command_join(cmd, keys_of(shard)->process_metrics_of, process);
}

void command_process_metrics_write(struct redis_command *cmd, int shard, const char *process,
                                   size_t n, const char *const figures[])
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_LIVE_WRITE, 2);
    command_add(cmd, k->processes);
    command_join(cmd, k->process_metrics_of, process);
    command_add(cmd, process);
    command_add_int(cmd, PROCESS_METRICS_TTL_MS);
    command_add_all(cmd, n, figures);
}
