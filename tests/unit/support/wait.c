#include "tests/unit/support/wait.h"

#include "tests/unit/support/test.h"

void wait_check(int64_t end_ms, const char *condition)
{
    if (clock_mono_ms() > end_ms)
        fail_msg("still not true after %d ms: %s", WAIT_MS, condition);
}
