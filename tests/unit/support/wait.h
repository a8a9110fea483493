/* Waiting for what a loop brings about. */
#ifndef TIFFIN_TESTS_SUPPORT_WAIT_H
#define TIFFIN_TESTS_SUPPORT_WAIT_H

#include <stdint.h>

#include "base/clock.h"

#define WAIT_MS 60000 /* reached only when it will never come */

/* Does `turn` until the condition is true; fails the test when it never is. */
#define WAIT_UNTIL(condition, turn) \
    for (int64_t end_ = clock_mono_ms() + WAIT_MS; !(condition); turn) \
    wait_check(end_, #condition)

/* Fails the test when it is later than `end_ms`. */
void wait_check(int64_t end_ms, const char *condition);

#endif
