#include "tests/unit/fakes/fake_clock.h"

#include <ev.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

/* libev runs a timer when its time is over, not when it has come: each step is a little longer. */
#define STEP_NS 10

static int64_t now_ns; /* 0: the real one */

/* In the place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (id != CLOCK_MONOTONIC || !now_ns)
        return (int)syscall(SYS_clock_gettime, id, ret);
    *ret = (struct timespec){now_ns / NS_PER_S, now_ns % NS_PER_S};
    return 0;
}

void fake_clock_set(int64_t ms)
{
    now_ns = ms * NS_PER_MS;
}

void fake_clock_advance(struct ev_loop *loop, int64_t ms)
{
    now_ns += ms * NS_PER_MS + STEP_NS;
    ev_run(loop, EVRUN_NOWAIT);
}
