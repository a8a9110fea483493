#include "worker/agreement.h"

void agreement_ask(struct agreement *a, int64_t mono_ms)
{
    a->asked_ms = mono_ms;
}

int64_t agreement_told(struct agreement *a, int64_t redis_ms, int64_t mono_ms)
{
    if (a->redis_ms) {
        int64_t set_ms = (redis_ms - a->redis_ms) - (mono_ms - a->sent_ms);
        if (set_ms > AGREEMENT_TOLERANCE_MS)
            return set_ms;
    }
    agreement_accept(a, redis_ms, mono_ms);
    return 0;
}

void agreement_accept(struct agreement *a, int64_t redis_ms, int64_t mono_ms)
{
    a->redis_ms = redis_ms;
    a->sent_ms = a->asked_ms;
    a->heard_ms = mono_ms;
}

int64_t agreement_now(const struct agreement *a, int64_t mono_ms)
{
    return a->redis_ms ? a->redis_ms + mono_ms - a->heard_ms : 0;
}
