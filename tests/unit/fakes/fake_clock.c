#include "tests/unit/fakes/fake_clock.h"

#include <ev.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms; /* 0: the real one */

/* In the place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (id != CLOCK_MONOTONIC || !now_ms)
        return (int)syscall(SYS_clock_gettime, id, ret);
    *ret = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
    return 0;
}

void fake_clock_set(int64_t ms)
{
    now_ms = ms;
}

void fake_clock_advance(struct ev_loop *loop, int64_t ms)
{
    now_ms += ms;
    ev_run(loop, EVRUN_NOWAIT);
}
