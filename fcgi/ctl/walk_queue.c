/* Walks the queue: where each id is. */
#include <stdlib.h>
#include <string.h>

#include "ctl/fsck.h"
#include "ctl/walk.h"

static void walk_list(struct fsck *f, const struct queue_part *part, enum queue_place place)
{
    size_t n = WALK_PAGE;
    for (int64_t start = 0; n == WALK_PAGE; start += WALK_PAGE) {
        struct redis_command cmd;
        command_queue_range(&cmd, part, start, start + WALK_PAGE - 1);
        struct redisReply *ids = rds_sync_call(f->redis, &cmd);
        if (!ids) {
            char *key = queue_part_key(part);
            walk_report_type(f, key);
            free(key);
        }
        n = rds_len(ids);
        for (size_t i = 0; i < n; i++)
            queue_index_add(&f->queue, walk_item(ids, i), place);
        rds_sync_free(ids);
    }
}

static void on_delayed(struct fsck *f, const struct redisReply *items)
{
    for (size_t i = 0; i + 1 < rds_len(items); i += 2)
        queue_index_add(&f->queue, walk_item(items, i), AT_DELAYED);
}

static void on_dead(struct fsck *f, const struct redisReply *items)
{
    for (size_t i = 0; i + 1 < rds_len(items); i += 2)
        queue_index_add(&f->queue, walk_item(items, i), AT_DEAD);
}

void walk_queue(struct fsck *f)
{
    struct names registered = {0};
    redis_workers(f->redis, &registered);
    f->n_workers = registered.n;
    for (size_t i = 0; i < registered.n; i++)
        names_add(&f->workers, registered.items[i]);
    const struct queue_part ready = {SHARD_HOME, QUEUE_READY, NULL};
    walk_list(f, &ready, AT_READY);
    for (size_t i = 0; i < f->workers.n; i++) {
        const char *worker = f->workers.items[i];
        const struct queue_part active = {SHARD_HOME, QUEUE_ACTIVE, worker};
        walk_list(f, &active, names_contain(&registered, worker) ? AT_ACTIVE : AT_ORPHANED);
    }
    names_release(&registered);
    walk_queue_set(f, QUEUE_DELAYED, on_delayed);
    walk_queue_set(f, QUEUE_DEAD, on_dead);
    queue_index_sort(&f->queue);
}

/* Placed after walk_jobs() had passed, or no job at all. */
void walk_unknown_ids(struct fsck *f)
{
    const struct queue_index *queue = &f->queue;
    for (size_t i = 0; i < queue->n; i++) {
        int is_next = i > 0 && strcmp(queue->items[i - 1].id, queue->items[i].id) == 0;
        if (!queue->items[i].is_known && !is_next)
            walk_recheck(f, queue->items[i].id);
    }
}
