/* Time in milliseconds. Facts in Redis carry Redis' time, never this one. */
#ifndef TIFFIN_BASE_CLOCK_H
#define TIFFIN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Milliseconds since the epoch of a time as Redis' functions write it
 * (2026-11-22T11:00:58.123Z); 0 when it is not one, or NULL. */
int64_t clock_parse_rfc3339(const char *text);

/* Since the epoch; may jump. */
static inline int64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

/* For durations; never jumps. */
static inline int64_t clock_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static inline int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

#endif
