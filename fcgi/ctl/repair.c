/* What --repair does. Each call is a Redis function that looks again before it writes
 * (redis/functions/tiffin/10-repair.lua), and afterwards the job is checked once more. Money,
 * history and statuses are left to people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/job_snapshot.h"
#include "order/keys.h"
#include "order/store.h"

#define ATTEMPTS 20 /* each fails only when a worker came at that very moment */
#define DAY_S 86400

/* Calls until the answer is not "changed"; remembers in `done` what was done. */
static void call(struct fsck *f, void (*make)(struct fsck *f, const char *id, struct rds_args *cmd),
                 const char *id, char **done)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct rds_args cmd = RDS_ARGS_INIT;
        make(f, id, &cmd);
        struct redisReply *reply = ask_args(f->c, &cmd);
        const char *word = store_word(reply), *what = rds_str(rds_at(reply, 1));
        int is_changed = strcmp(word, "changed") == 0;
        if (strcmp(word, "repaired") == 0 && what && !*done)
            *done = mem_strdup(what);
        rds_sync_free(reply);
        if (!is_changed)
            return;
    }
}

static void make_place(struct fsck *f, const char *id, struct rds_args *cmd)
{
    ask_workers(f->c, &f->lists);
    rds_arg(cmd, "FCALL");
    rds_arg(cmd, FN_REPAIR_PLACE);
    rds_arg(cmd, "%zu", 5 + 2 * f->lists.n);
    rds_arg(cmd, "%s", key_of_job(id).text);
    rds_arg(cmd, KEY_READY);
    rds_arg(cmd, KEY_DELAYED);
    rds_arg(cmd, KEY_DEAD);
    rds_arg(cmd, KEY_WORKERS);
    for (size_t i = 0; i < f->lists.n; i++) {
        rds_arg(cmd, KEY_WORKER_PREFIX "%s", f->lists.items[i]);
        rds_arg(cmd, KEY_ACTIVE_PREFIX "%s", f->lists.items[i]);
    }
    rds_arg(cmd, "%s", id);
    for (size_t i = 0; i < f->lists.n; i++)
        rds_arg(cmd, "%s", f->lists.items[i]);
}

static void make_record(struct fsck *f, const char *id, struct rds_args *cmd)
{
    struct redisReply *created = ask(f->c, "HMGET", key_of_job(id).text, "created_at");
    const char *at = rds_str(rds_at(created, 0));
    rds_arg(cmd, "FCALL");
    rds_arg(cmd, FN_REPAIR_RECORD);
    rds_arg(cmd, "2");
    rds_arg(cmd, "%s", key_of_job(id).text);
    rds_arg(cmd, KEY_INDEX);
    rds_arg(cmd, "%s", id);
    rds_arg(cmd, "%lld", (long long)(at ? clock_parse_rfc3339(at) : 0));
    rds_arg(cmd, "%lld", (long long)f->kept.now_s);
    rds_sync_free(created);
}

static void make_counts(struct fsck *f, const char *id, struct rds_args *cmd)
{
    struct names workers = {NULL, 0, 0};
    (void)id;
    ask_workers(f->c, &workers);
    rds_arg(cmd, "FCALL");
    rds_arg(cmd, FN_REPAIR_COUNTS);
    rds_arg(cmd, "%zu", 5 + workers.n);
    rds_arg(cmd, KEY_COUNT);
    rds_arg(cmd, KEY_READY);
    rds_arg(cmd, KEY_DELAYED);
    rds_arg(cmd, KEY_DEAD);
    rds_arg(cmd, KEY_WORKERS);
    for (size_t i = 0; i < workers.n; i++)
        rds_arg(cmd, KEY_ACTIVE_PREFIX "%s", workers.items[i]);
    names_release(&workers);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

struct still {
    enum check check;
    int is_wrong;
};

static void on_still(void *arg, const char *id, const struct problem *problem)
{
    struct still *still = arg;
    (void)id;
    if (problem->check == still->check)
        still->is_wrong = 1;
}

static void repair_job(struct fsck *f, struct finding *finding)
{
    struct still still = {finding->check, 0};
    struct job_snapshot snapshot;
    call(f, finding->fix == FIX_PLACE ? make_place : make_record, finding->id, &finding->done);
    snapshot_read(f->c, finding->id, &f->lists, &snapshot);
    check_job(&snapshot, on_still, &still);
    snapshot_release(&snapshot);
    finding->result = still.is_wrong ? "not_repaired" : "repaired";
}

/* ---- counters -------------------------------------------------------------------------------- */

static int counts_are_right(struct fsck *f)
{
    struct findings found = {NULL, 0, 0};
    counts_check(f->c, &found);
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
    counts_check(f->c, &f->findings);
    if (f->findings.n > n_before && is_queue_right(f))
        call(f, make_counts, "", &done);
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
