/* Redis' clock as this worker sees it. It is a wall clock: it may be set, or its machine may have
 * slept. Ours never jumps. Each heartbeat is answered with Redis' time; when that moved on by more
 * than ours can have between two heartbeats, Redis' clock was stepped forward.
 * Pure; mono_ms is CLOCK_MONOTONIC, which does not count the sleep of this machine either: what
 * waits here waits by the same clock. */
#ifndef TIFFIN_WORKER_REDIS_CLOCK_H
#define TIFFIN_WORKER_REDIS_CLOCK_H

#include <stdint.h>

#define REDIS_CLOCK_TOLERANCE_MS 1000 /* as CLOCK_TOLERANCE_MS of redis/functions/tiffin */

struct redis_clock {
    int64_t redis_ms; /* what it showed when it was last accepted; 0 = never asked */
    int64_t sent_ms;  /* by ours: when that question was sent, and answered */
    int64_t answered_ms;
    int64_t asked_ms; /* … and when the latest question was sent */
};

/* A question is sent. */
void redis_clock_ask(struct redis_clock *c, int64_t mono_ms);
/* Its answer has come. Returns the step in ms: by how much Redis' clock was certainly set forward
 * (its time went on by so much more than ours, from sending the question before to reading this
 * answer); nothing is taken over then until redis_clock_accept(). 0: no step, or one that is within
 * the tolerance or back; the new time is taken over. */
int64_t redis_clock_told(struct redis_clock *c, int64_t redis_ms, int64_t mono_ms);
/* Takes this over as the time now, whatever it was before. */
void redis_clock_accept(struct redis_clock *c, int64_t redis_ms, int64_t mono_ms);
/* What Redis' clock shows now at least (ms since the epoch), unless it was set back; 0 before the
 * first answer. */
int64_t redis_clock_now(const struct redis_clock *c, int64_t mono_ms);

#endif
