/* tiffin-ctl, the operator's tool: its exit codes, and the commands that main.c runs. A short-lived
 * program: whatever goes wrong ends it with one clear line (ctl_die). Order ids are shown whole
 * here: an operator needs them. */
#ifndef TIFFIN_CTL_CTL_H
#define TIFFIN_CTL_CTL_H

struct options;
struct rds_sync;

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,     /* Redis is away, no such id, not dead … */
    EXIT_USAGE = 2,      /* the command line */
    EXIT_VIOLATIONS = 3, /* fsck found something that is still there */
};

/* Prints "tiffin-ctl: ..." on stderr and ends with EXIT_FAILED; nothing need be released before. */
void ctl_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Each prints its answer on stdout and returns its exit code. The options have been checked; Redis
 * is signed in to as admin, and stays the caller's. */
typedef int cmd_fn(struct rds_sync *redis, const struct options *options);
cmd_fn cmd_status;
cmd_fn cmd_order;
cmd_fn cmd_jobs;
cmd_fn cmd_requeue;
cmd_fn cmd_requeue_all;
cmd_fn cmd_discard;
cmd_fn cmd_settle;
cmd_fn cmd_pause;
cmd_fn cmd_resume;
cmd_fn cmd_fsck;

#endif
