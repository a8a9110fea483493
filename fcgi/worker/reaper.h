/* Requeues the jobs of workers whose heartbeat expired, once a second. Every worker does it; the
 * function is atomic, so two at once do no harm. */
#ifndef TIFFIN_WORKER_REAPER_H
#define TIFFIN_WORKER_REAPER_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

struct rds_cmd;
struct worker;

struct reaper {
    ev_timer timer;
    struct rds_cmd *cmd; /* one at a time; NULL between two rounds */
    char **suspects;     /* the other workers of this round */
    size_t n, at;
    int64_t moved; /* jobs of suspects[at] so far */
    int64_t left;  /* in its list after the last call; -1 before the first */
};

void reaper_start(struct worker *w);
/* Cancels the command under way. May be called again. */
void reaper_stop(struct worker *w);

#endif
