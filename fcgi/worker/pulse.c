#include "worker/pulse.h"

static int is_gap(const struct pulse *p, int64_t now_ms)
{
    return now_ms - p->last_ms > p->ttl_ms / 2;
}

void pulse_beat(struct pulse *p, int64_t now_ms, int64_t all_steady_ms)
{
    if (!p->began_ms || is_gap(p, now_ms))
        p->began_ms = now_ms;
    if (now_ms - all_steady_ms < p->began_ms)
        p->began_ms = now_ms - all_steady_ms;
    p->last_ms = now_ms;
}

void pulse_break(struct pulse *p)
{
    p->began_ms = 0;
}

int pulse_is_steady(const struct pulse *p, int64_t now_ms)
{
    return p->began_ms && !is_gap(p, now_ms) && now_ms - p->began_ms >= p->ttl_ms;
}
