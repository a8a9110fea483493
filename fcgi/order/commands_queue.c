/* Where jobs stand, and single jobs. */
#include "order/commands.h"

#include "base/mem.h"
#include "order/keys.h"

#define SCAN_COUNT "1000" /* keys looked at by one SCAN: Redis serves others in between */

/* ---- parts of the queue -------------------------------------------------------------------- */

static int is_set(const struct queue_part *part)
{
    return part->kind == QUEUE_DELAYED || part->kind == QUEUE_DEAD;
}

static void add_key(struct redis_command *cmd, const struct queue_part *part)
{
    const struct keys *k = keys_of(part->shard);
    switch (part->kind) {
    case QUEUE_READY:
        command_add(cmd, k->ready);
        break;
    case QUEUE_ACTIVE:
        command_join(cmd, k->active_of, part->worker);
        break;
    case QUEUE_DELAYED:
        command_add(cmd, k->delayed);
        break;
    case QUEUE_DEAD:
        command_add(cmd, k->dead);
        break;
    }
}

static void begin(struct redis_command *cmd, const char *name, const struct queue_part *part)
{
    command_begin(cmd, name);
    add_key(cmd, part);
}

/* What a worker holds may be of two kinds: the function knows them. */
static void ask_active(struct redis_command *cmd, const struct queue_part *part, const char *what)
{
    command_fcall_ro(cmd, FN_ACTIVE, 1);
    add_key(cmd, part);
    command_add(cmd, what);
}

void command_queue_length(struct redis_command *cmd, const struct queue_part *part)
{
    if (part->kind == QUEUE_ACTIVE)
        ask_active(cmd, part, "length");
    else
        begin(cmd, is_set(part) ? "ZCARD" : "LLEN", part);
}

void command_queue_range(struct redis_command *cmd, const struct queue_part *part, int64_t first,
                         int64_t last)
{
    if (part->kind == QUEUE_ACTIVE)
        ask_active(cmd, part, "range");
    else
        begin(cmd, is_set(part) ? "ZRANGE" : "LRANGE", part);
    command_add_int(cmd, first);
    command_add_int(cmd, last);
    if (is_set(part))
        command_add(cmd, "WITHSCORES");
}

void command_queue_find(struct redis_command *cmd, const struct queue_part *part, const char *id)
{
    if (part->kind == QUEUE_ACTIVE)
        ask_active(cmd, part, "find");
    else
        begin(cmd, is_set(part) ? "ZSCORE" : "LPOS", part);
    command_add(cmd, id);
    if (part->kind == QUEUE_READY)
        command_add_list(cmd, "COUNT", "0");
}

void command_queue_scan(struct redis_command *cmd, const struct queue_part *part,
                        const char *cursor)
{
    begin(cmd, "ZSCAN", part);
    command_add_list(cmd, cursor, "COUNT", SCAN_COUNT);
}

char *queue_part_key(const struct queue_part *part)
{
    struct redis_command cmd;
    begin(&cmd, "TYPE", part);
    char *key = mem_strdup(cmd.argv[1]);
    command_release(&cmd);
    return key;
}

/* ---- a job --------------------------------------------------------------------------------- */

static void begin_job(struct redis_command *cmd, const char *name, const char *id)
{
    command_begin(cmd, name);
    command_join(cmd, keys_job_prefix(id), id);
}

void command_job(struct redis_command *cmd, const char *id)
{
    begin_job(cmd, "HGETALL", id);
}

void command_job_get(struct redis_command *cmd, const char *id, size_t n,
                     const char *const fields[])
{
    begin_job(cmd, "HMGET", id);
    command_add_all(cmd, n, fields);
}

void command_job_created_at(struct redis_command *cmd, const char *id)
{
    begin_job(cmd, "HGET", id);
    command_add(cmd, job_is_update(id) ? "accepted_at" : "created_at");
}

void command_job_ttl(struct redis_command *cmd, const char *id)
{
    begin_job(cmd, "PTTL", id);
}

void command_job_exists(struct redis_command *cmd, const char *id)
{
    begin_job(cmd, "EXISTS", id);
}

/* ---- all jobs ------------------------------------------------------------------------------ */

void command_index_find(struct redis_command *cmd, const char *id)
{
    command_begin(cmd, "ZSCORE");
    command_add_list(cmd, keys_of_id(id)->index, id);
}

void command_index_scan(struct redis_command *cmd, int shard, const char *cursor)
{
    command_begin(cmd, "ZSCAN");
    command_add_list(cmd, keys_of(shard)->index, cursor, "COUNT", SCAN_COUNT);
}

void command_scan(struct redis_command *cmd, int shard, enum scan_kind kind, const char *cursor)
{
    const struct keys *k = keys_of(shard);
    command_begin(cmd, "SCAN");
    command_add_list(cmd, cursor, "MATCH");
    switch (kind) {
    case SCAN_ALL:
        command_add_format(cmd, "*%s*", k->tag);
        break;
    case SCAN_ORDERS:
        command_join(cmd, k->order_of, "*");
        break;
    case SCAN_UPDATES:
        command_join(cmd, k->update_of, "*");
        break;
    }
    command_add_list(cmd, "COUNT", SCAN_COUNT);
}

void command_key_hash(struct redis_command *cmd, const char *key)
{
    command_set(cmd, 2, (const char *const[]){"HGETALL", key});
}

void command_key_list(struct redis_command *cmd, const char *key)
{
    command_set(cmd, 4, (const char *const[]){"LRANGE", key, "0", "-1"});
}

void command_key_text(struct redis_command *cmd, const char *key)
{
    command_set(cmd, 2, (const char *const[]){"GET", key});
}

void command_key_ttl(struct redis_command *cmd, const char *key)
{
    command_set(cmd, 2, (const char *const[]){"PTTL", key});
}
