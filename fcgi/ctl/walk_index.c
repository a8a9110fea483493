/* Walks the index of orders: which of them are not there any more. */
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/walk.h"

/* Workers take expired orders out of the index once in a while, so one of these is found here for
 * some time. It is wrong when the order is too young to have expired, or expired a day ago. */
#define GRACE_MS (INT64_C(86400) * 1000)

static int may_have_expired(const struct fsck *f, int64_t age_ms)
{
    return age_ms >= f->kept.least_s * 1000 && age_ms < f->kept.now_s * 1000 + GRACE_MS;
}

/* Does each order of the page exist? One byte each; the caller frees them. */
static char *read_exists(struct rds_sync *redis, const struct redisReply *items, size_t n)
{
    char *is_there = mem_calloc(n + 1, 1);
    for (size_t i = 0; i < n; i++)
        redis_queue_id(redis, command_job_exists, walk_item(items, 2 * i));
    for (size_t i = 0; i < n; i++) {
        struct redisReply *exists = redis_next(redis);
        is_there[i] = rds_int_or(exists, 0) == 1;
        rds_sync_free(exists);
    }
    return is_there;
}

static void on_index(struct fsck *f, const struct redisReply *items)
{
    size_t n = rds_len(items) / 2;
    int64_t now_ms = redis_now_ms(f->redis);
    char *is_there = read_exists(f->redis, items, n);
    for (size_t i = 0; i < n; i++) {
        int64_t age_ms = now_ms - (int64_t)strtod(walk_item(items, 2 * i + 1), NULL);
        f->n_index++;
        if (is_there[i])
            continue;
        if (may_have_expired(f, age_ms))
            f->n_index_expired++;
        else
            walk_recheck(f, walk_item(items, 2 * i));
    }
    free(is_there);
}

void walk_index(struct fsck *f)
{
    walk_index_set(f, on_index);
}
