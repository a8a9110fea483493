/* What the walks share. */
#include "ctl/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/check_job.h"
#include "ctl/fsck.h"
#include "order/store.h"

#define CURSOR_SIZE 32

const char *walk_item(const struct redisReply *items, size_t i)
{
    const char *text = rds_str(rds_at(items, i));
    return text ? text : "";
}

const char **walk_select(const struct redisReply *keys, enum key_kind kind, size_t *ret_n)
{
    const char **selected = mem_calloc(rds_len(keys) + 1, sizeof *selected);
    size_t n = 0;
    for (size_t i = 0; i < rds_len(keys); i++) {
        const char *id;
        size_t id_len;
        if (key_kind(walk_item(keys, i), &id, &id_len) == kind)
            selected[n++] = walk_item(keys, i);
    }
    *ret_n = n;
    return selected;
}

void walk_report_type(struct fsck *f, const char *key)
{
    findings_report(&f->findings, key, CHECK_TYPE, "Redis says: %.100s", rds_sync_error(f->redis));
}

void walk_recheck(struct fsck *f, const char *id)
{
    struct job_snapshot snapshot;
    f->n_rechecked++;
    snapshot_read(f->redis, id, &f->workers, &snapshot);
    check_job(&snapshot, &f->findings);
    snapshot_release(&snapshot);
}

/* ---- scans ----------------------------------------------------------------------------------- */

/* Builds the next call of a scan; `of` is what is scanned. */
typedef void (*scan_fn)(struct redis_command *cmd, const void *of, const char *cursor);

static void scan_keys(struct redis_command *cmd, const void *of, const char *cursor)
{
    const enum scan_kind *kind = of;
    command_scan(cmd, SHARD_HOME, *kind, cursor);
}

static void scan_queue_set(struct redis_command *cmd, const void *of, const char *cursor)
{
    command_queue_scan(cmd, of, cursor);
}

static void scan_index(struct redis_command *cmd, const void *of, const char *cursor)
{
    (void)of;
    command_index_scan(cmd, SHARD_HOME, cursor);
}

static void scan(struct fsck *f, scan_fn build, const void *of, walk_page_fn on_page)
{
    char cursor[CURSOR_SIZE] = "0";
    do {
        struct redis_command cmd;
        build(&cmd, of, cursor);
        struct redisReply *reply = redis_call(f->redis, &cmd);
        const char *next = rds_str(rds_at(reply, 0));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "0");
        on_page(f, rds_at(reply, 1));
        rds_sync_free(reply);
    } while (strcmp(cursor, "0") != 0);
}

void walk_keys(struct fsck *f, enum scan_kind kind, walk_page_fn on_page)
{
    scan(f, scan_keys, &kind, on_page);
}

void walk_queue_set(struct fsck *f, enum queue_kind kind, walk_page_fn on_page)
{
    const struct queue_part part = {SHARD_HOME, kind, NULL};
    scan(f, scan_queue_set, &part, on_page);
}

void walk_index_set(struct fsck *f, walk_page_fn on_page)
{
    scan(f, scan_index, NULL, on_page);
}

/* ---- the library ----------------------------------------------------------------------------- */

void walk_library(struct fsck *f)
{
    struct redis_command cmd;
    command_library_version(&cmd);
    struct redisReply *reply = rds_sync_call(f->redis, &cmd);
    if (!store_library_version_ok(reply))
        findings_report(&f->findings, "", CHECK_LIBRARY,
                        "the functions are of version %.20s, this program of %s: run tiffin-load",
                        rds_str(reply) ? rds_str(reply) : "(none)",
                        store_library_version_expected());
    rds_sync_free(reply);
}
