/* Do Redis and this worker agree on what time it is? Redis' clock is a wall clock: it may be set,
 * or its machine may have slept. Ours never jumps. Each heartbeat is answered with Redis' time;
 * when that moved on by more than ours can have between two of them, Redis' clock was set forward.
 * Pure; mono_ms is CLOCK_MONOTONIC, which does not count the sleep of this machine either: what
 * waits here waits by the same clock. */
#ifndef TIFFIN_WORKER_AGREEMENT_H
#define TIFFIN_WORKER_AGREEMENT_H

#include <stdint.h>

#define AGREEMENT_TOLERANCE_MS 1000 /* as CLOCK_TOLERANCE_MS of redis/functions */

struct agreement {
    int64_t redis_ms; /* what Redis' clock showed when we last agreed; 0 = never asked */
    int64_t sent_ms;  /* by ours: when that question was sent, and answered */
    int64_t heard_ms;
    int64_t asked_ms; /* ... and when the latest question was sent */
};

/* A question is sent. */
void agreement_ask(struct agreement *a, int64_t mono_ms);
/* Its answer has come. Returns by how much Redis' clock was certainly set forward (its time went on
 * by so much more than ours, from sending the question before to hearing this answer); the two then
 * disagree until agreement_accept(). 0: they agree, within the tolerance, or have to because it was
 * set back. */
int64_t agreement_told(struct agreement *a, int64_t redis_ms, int64_t mono_ms);
/* That is the time now, whatever it was before. */
void agreement_accept(struct agreement *a, int64_t redis_ms, int64_t mono_ms);
/* What Redis' clock shows now at least, unless it was set back; 0 before the first answer. */
int64_t agreement_now(const struct agreement *a, int64_t mono_ms);

#endif
