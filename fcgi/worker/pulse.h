/* Have heartbeats been steady? Only then may this worker call others dead: after an outage of
 * Redis, or after this process itself was stopped, every heartbeat looks expired. A worker that has
 * just started takes over what Redis knows (for how long the heartbeats of all workers have been
 * steady), so that the successor of a killed worker need not wait for a TTL of its own. Pure; the
 * times are milliseconds of a clock that never jumps. */
#ifndef TIFFIN_WORKER_PULSE_H
#define TIFFIN_WORKER_PULSE_H

#include <stdint.h>

struct pulse {
    int ttl_ms;
    int64_t began_ms; /* the first success of an unbroken row; 0 = there is none */
    int64_t last_ms;  /* the latest success */
};

#define PULSE_INIT(ttl) \
    { \
        .ttl_ms = (ttl) \
    }

/* A heartbeat was accepted, and those of all have been steady for so long (0: not known). More than
 * half a TTL since the one before is a break. */
void pulse_beat(struct pulse *p, int64_t now_ms, int64_t all_steady_ms);
/* A heartbeat failed, or the connection was lost. */
void pulse_break(struct pulse *p);
/* True after a full TTL without a break. */
int pulse_is_steady(const struct pulse *p, int64_t now_ms);

#endif
