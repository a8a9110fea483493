/* CLOCK_MONOTONIC as the test sets it, for base/clock.h and for libev's timers: it stands still
 * between two calls. Before the first call it is the real one; the wall clock always is. */
#ifndef TIFFIN_TESTS_FAKES_FAKE_CLOCK_H
#define TIFFIN_TESTS_FAKES_FAKE_CLOCK_H

#include <stdint.h>

struct ev_loop;

void fake_clock_set(int64_t ms);
/* Moves it on, and runs the timers of the loop that are due then. Does not block. */
void fake_clock_advance(struct ev_loop *loop, int64_t ms);

#endif
