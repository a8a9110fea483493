#include "worker/redis_clock.h"

void redis_clock_ask(struct redis_clock *c, int64_t mono_ms)
{
    c->asked_ms = mono_ms;
}

int64_t redis_clock_told(struct redis_clock *c, int64_t redis_ms, int64_t mono_ms)
{
    if (c->redis_ms) {
        int64_t step_ms = (redis_ms - c->redis_ms) - (mono_ms - c->sent_ms);
        if (step_ms > REDIS_CLOCK_TOLERANCE_MS)
            return step_ms;
    }
    redis_clock_accept(c, redis_ms, mono_ms);
    return 0;
}

void redis_clock_accept(struct redis_clock *c, int64_t redis_ms, int64_t mono_ms)
{
    c->redis_ms = redis_ms;
    c->sent_ms = c->asked_ms;
    c->answered_ms = mono_ms;
}

int64_t redis_clock_now(const struct redis_clock *c, int64_t mono_ms)
{
    return c->redis_ms ? c->redis_ms + mono_ms - c->answered_ms : 0;
}
