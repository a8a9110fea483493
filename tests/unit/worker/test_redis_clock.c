/* When Redis' clock was certainly set forward, and what it is expected to show. */
#include "tests/unit/support/test.h"

#include "worker/redis_clock.h"

#define REDIS_MS INT64_C(1700000000000)
#define MONO_MS 5000
#define EVERY_MS 3000

/* A question at `mono_ms` whose answer takes so long. */
static int64_t ask(struct redis_clock *a, int64_t mono_ms, int64_t takes_ms, int64_t redis_ms)
{
    redis_clock_ask(a, mono_ms);
    return redis_clock_told(a, redis_ms, mono_ms + takes_ms);
}

static void nothing_is_known_before_the_first_answer(void **state)
{
    (void)state;
    struct redis_clock a = {0};
    assert_int_equal(redis_clock_now(&a, MONO_MS), 0);
    redis_clock_ask(&a, MONO_MS);
    assert_int_equal(redis_clock_now(&a, MONO_MS + 1), 0);
    assert_int_equal(redis_clock_told(&a, REDIS_MS, MONO_MS + 2), 0);
    assert_int_equal(redis_clock_now(&a, MONO_MS + 12), REDIS_MS + 10);
}

static void an_even_pace_is_no_step(void **state)
{
    (void)state;
    struct redis_clock a = {0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&a, MONO_MS + i * EVERY_MS, 1, REDIS_MS + i * EVERY_MS), 0);
    assert_int_equal(redis_clock_now(&a, MONO_MS + 4 * EVERY_MS + 1), REDIS_MS + 4 * EVERY_MS);
}

static void a_step_is_told_until_it_is_accepted(void **state)
{
    (void)state;
    struct redis_clock a = {0};
    ask(&a, MONO_MS, 0, REDIS_MS);
    assert_int_equal(ask(&a, MONO_MS + EVERY_MS, 0, REDIS_MS + EVERY_MS + 30000), 30000);
    assert_int_equal(a.redis_ms, REDIS_MS);
    assert_int_equal(redis_clock_now(&a, MONO_MS + EVERY_MS), REDIS_MS + EVERY_MS);
    assert_int_equal(ask(&a, MONO_MS + 2 * EVERY_MS, 0, REDIS_MS + 2 * EVERY_MS + 30000), 30000);
    redis_clock_accept(&a, REDIS_MS + 2 * EVERY_MS + 30000, MONO_MS + 2 * EVERY_MS);
    assert_int_equal(ask(&a, MONO_MS + 3 * EVERY_MS, 0, REDIS_MS + 3 * EVERY_MS + 30000), 0);
}

/* Slow answers look like a step in one direction, never beyond what they explain. */
static void a_redis_that_stood_still_is_no_step(void **state)
{
    (void)state;
    struct redis_clock a = {0};
    ask(&a, MONO_MS, 20000, REDIS_MS); /* executed at once, answered late */
    assert_int_equal(ask(&a, MONO_MS + 20000, 0, REDIS_MS + 20000), 0);
    /* executed late */
    assert_int_equal(ask(&a, MONO_MS + 21000, 20000, REDIS_MS + 21000 + 20000), 0);
    assert_int_equal(ask(&a, MONO_MS + 42000, 0, REDIS_MS + 42000), 0);
}

static void what_is_within_the_tolerance_or_back_is_taken_over(void **state)
{
    static const int64_t STEPS_MS[] = {REDIS_CLOCK_TOLERANCE_MS, -1, -3600000};
    (void)state;
    for (size_t i = 0; i < LENGTH(STEPS_MS); i++) {
        struct redis_clock a = {0};
        ask(&a, MONO_MS, 0, REDIS_MS);
        assert_int_equal(ask(&a, MONO_MS + EVERY_MS, 0, REDIS_MS + EVERY_MS + STEPS_MS[i]), 0);
        assert_int_equal(redis_clock_now(&a, MONO_MS + EVERY_MS),
                         REDIS_MS + EVERY_MS + STEPS_MS[i]);
    }
}

/* Many that are too small alone are one that is not, as long as they come between two questions. */
static void the_smallest_step_that_is_told(void **state)
{
    (void)state;
    struct redis_clock a = {0};
    ask(&a, MONO_MS, 0, REDIS_MS);
    assert_int_equal(
        ask(&a, MONO_MS + EVERY_MS, 0, REDIS_MS + EVERY_MS + REDIS_CLOCK_TOLERANCE_MS + 1),
        REDIS_CLOCK_TOLERANCE_MS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_answer),
        cmocka_unit_test(an_even_pace_is_no_step),
        cmocka_unit_test(a_step_is_told_until_it_is_accepted),
        cmocka_unit_test(a_redis_that_stood_still_is_no_step),
        cmocka_unit_test(what_is_within_the_tolerance_or_back_is_taken_over),
        cmocka_unit_test(the_smallest_step_that_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
