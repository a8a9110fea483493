/* Each repair is a Redis function that checks again before it writes
 * (redis/functions/tiffin/11-repair.lua), and afterwards the job is checked once more. */
#include "ctl/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/check_job.h"
#include "ctl/counts.h"
#include "ctl/fsck.h"
#include "ctl/job_snapshot.h"
#include "order/store.h"

#define ATTEMPTS 20 /* each fails only when a worker came at that very moment */

static struct redisReply *call_place(struct fsck *f, const char *id)
{
    struct redis_command cmd;
    redis_workers(f->redis, &f->workers);
    const struct id_list workers = names_ids(&f->workers);
    command_repair_place(&cmd, id, &workers);
    return redis_call(f->redis, &cmd);
}

static struct redisReply *call_record(struct fsck *f, const char *id)
{
    struct redis_command cmd;
    command_job_fields(&cmd, id, "created_at");
    struct redisReply *created = redis_call(f->redis, &cmd);
    command_repair_record(&cmd, id, clock_parse_rfc3339(rds_str(rds_at(created, 0))),
                          f->kept.now_s);
    rds_sync_free(created);
    return redis_call(f->redis, &cmd);
}

static struct redisReply *call_counts(struct fsck *f, const char *id)
{
    struct names registered = {0};
    struct redis_command cmd;
    (void)id; /* of all jobs */
    redis_workers(f->redis, &registered);
    const struct id_list workers = names_ids(&registered);
    command_repair_counts(&cmd, SHARD_HOME, &workers);
    struct redisReply *reply = redis_call(f->redis, &cmd);
    names_release(&registered);
    return reply;
}

/* Calls until the answer is not "changed"; notes in `done` what was done. */
static void call(struct fsck *f, struct redisReply *(*function)(struct fsck *f, const char *id),
                 const char *id, char **done)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct redisReply *reply = function(f, id);
        const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
        int is_changed = strcmp(word, "changed") == 0;
        if (strcmp(word, "repaired") == 0 && what && !*done)
            *done = mem_strdup(what);
        rds_sync_free(reply);
        if (!is_changed)
            return;
    }
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void repair_job(struct fsck *f, struct finding *finding)
{
    struct findings left = {0};
    struct job_snapshot snapshot;
    call(f, finding->fix == FIX_PLACE ? call_place : call_record, finding->id, &finding->done);
    snapshot_read(f->redis, finding->id, &f->workers, &snapshot);
    check_job(&snapshot, &left);
    snapshot_release(&snapshot);
    finding->result = findings_have(&left, finding->check) ? "not_repaired" : "repaired";
    findings_release(&left);
}

/* ---- counters -------------------------------------------------------------------------------- */

static int counts_are_right(struct fsck *f)
{
    struct findings found = {0};
    counts_check(f->redis, &found);
    size_t n = found.n;
    findings_release(&found);
    return n == 0;
}

static int is_queue_right(const struct fsck *f)
{
    for (size_t i = 0; i < f->findings.n; i++) {
        const struct finding *finding = &f->findings.items[i];
        int is_of_queue = finding->check == CHECK_PLACE || finding->check == CHECK_DEAD ||
                          finding->check == CHECK_LIST || finding->check == CHECK_TYPE;
        if (is_of_queue && strcmp(finding->result, "repaired") != 0)
            return 0;
    }
    return 1;
}

/* Most often they were right, and the queue was not. A job that never was may have been counted
 * among those in the queue: without it they are wrong now. */
static void repair_counts(struct fsck *f)
{
    char *done = NULL;
    size_t n_before = f->findings.n;
    counts_check(f->redis, &f->findings);
    if (f->findings.n > n_before && is_queue_right(f))
        call(f, call_counts, "", &done);
    const char *result = counts_are_right(f) ? "repaired" : "not_repaired";
    for (size_t i = 0; i < f->findings.n; i++) {
        struct finding *finding = &f->findings.items[i];
        if (finding->fix != FIX_COUNTS)
            continue;
        finding->result = result;
        if (done && !finding->done)
            finding->done = mem_strdup(done);
    }
    free(done);
}

void repair_all(struct fsck *f)
{
    int has_changed = 0;
    for (size_t i = 0; i < f->findings.n; i++) {
        struct finding *finding = &f->findings.items[i];
        has_changed |= finding->fix == FIX_PLACE || finding->fix == FIX_COUNTS;
        if (finding->fix == FIX_PLACE || finding->fix == FIX_RECORD)
            repair_job(f, finding);
    }
    if (has_changed)
        repair_counts(f);
    findings_sort(&f->findings);
}
