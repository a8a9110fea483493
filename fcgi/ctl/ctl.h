/* tiffin-ctl: what its files share. A short-lived tool: whatever goes wrong ends it with one clear
 * line (ctl_die). Order ids are shown whole here: an operator needs them. */
#ifndef TIFFIN_CTL_CTL_H
#define TIFFIN_CTL_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "base/rds.h"
#include "base/rds_sync.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,     /* Redis is away, no such id, not dead … */
    EXIT_USAGE = 2,      /* the command line */
    EXIT_VIOLATIONS = 3, /* fsck found something that is still there */
};

/* What the command line said, and the connection. */
struct ctl {
    struct rds_sync *redis;
    const char *argument; /* an id or a place; NULL when the command has none */
    const char *reason;   /* requeue --all: of which; NULL = all */
    const char *money;    /* settle: "refunded" or "not_charged" */
    int is_json;
    int is_repairing;
    int is_all;
    int limit;
};

/* Prints "tiffin-ctl: ..." on stderr and ends with EXIT_FAILED. */
void ctl_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- commands: each returns its exit code ---------------------------------------------------- */

int cmd_status(struct ctl *c);  /* cmd_status.c */
int cmd_order(struct ctl *c);   /* cmd_order.c */
int cmd_jobs(struct ctl *c);    /* cmd_jobs.c */
int cmd_requeue(struct ctl *c); /* dead_job.c; with --all cmd_requeue_all.c */
int requeue_all(struct ctl *c); /* cmd_requeue_all.c */
int cmd_discard(struct ctl *c); /* dead_job.c */
int cmd_settle(struct ctl *c);  /* dead_job.c */
int cmd_pause(struct ctl *c);   /* dead_job.c */
int cmd_resume(struct ctl *c);  /* dead_job.c */
int cmd_fsck(struct ctl *c);    /* cmd_fsck.c */

/* ---- asking Redis (redis.c)
 * ----------------------------------------------------------------------
 */

struct key {
    char text[512];
};
/* By value: lives as long as the caller's full expression or variable. An id that is longer than
 * any of ours is cut, and then found nowhere. */
struct key key_of(const char *prefix, const char *id);
struct key key_of_job(const char *id); /* order:… or update:… */

/* A good reply, to be freed; anything else ends the program. */
struct redisReply *ask_argv(struct ctl *c, size_t n, const char *const argv[]);
#define ask(c, ...) \
    ask_argv((c), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
             (const char *const[]){__VA_ARGS__})
struct redisReply *ask_args(struct ctl *c, struct rds_args *cmd); /* empties cmd */

/* The next answer of a pipeline (rds_sync_put); NULL when Redis answered with an error. A lost
 * connection ends the program. */
struct redisReply *ask_next(struct ctl *c);

/* Now, by Redis' clock, in ms since the epoch. */
int64_t ask_now(struct ctl *c);

/* How long settled orders are kept, in seconds: the workers know, and say it in the store with each
 * order that is settled; until there is one, what our own environment says. */
struct kept {
    int64_t now_s;   /* the latest */
    int64_t least_s; /* the shortest that orders of the last 90 days were kept */
};
void ask_kept(struct ctl *c, struct kept *ret);

/* The registered workers: SMEMBERS, sorted; a list of texts. */
struct names {
    char **items;
    size_t n, capacity;
};
void names_add(struct names *names, const char *name); /* unless it is there already */
void names_release(struct names *names);
void ask_workers(struct ctl *c, struct names *ret);

struct store_stats;
/* Counters and places of one moment. */
void ask_stats(struct ctl *c, struct store_stats *ret);

#endif
