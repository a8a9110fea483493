/* When is a failed step tried again? */
#include "tests/unit/support/test.h"

#include "worker/retry.h"

static const double ALMOST_ONE = 0.999999;

static void doubles_from_one_second(void **state)
{
    (void)state;
    static const int LONGEST_MS[] = {1000, 2000, 4000, 8000, 16000, 32000};
    for (int tries = 0; tries < 6; tries++) {
        assert_int_equal(retry_delay_ms(tries, 0), LONGEST_MS[tries] / 2);
        assert_in_range(retry_delay_ms(tries, ALMOST_ONE), LONGEST_MS[tries] - 2,
                        LONGEST_MS[tries]);
    }
}

static void never_above_a_minute(void **state)
{
    (void)state;
    static const int MANY[] = {6, 7, 8, 31, 32, 1000000, INT32_MAX};
    for (size_t i = 0; i < LENGTH(MANY); i++) {
        assert_int_equal(retry_delay_ms(MANY[i], 0), 30000);
        assert_in_range(retry_delay_ms(MANY[i], ALMOST_ONE), 59990, 60000);
    }
}

static void survives_a_negative_count(void **state)
{
    (void)state;
    assert_int_equal(retry_delay_ms(-1, 0), 500);
    assert_int_equal(retry_delay_ms(INT32_MIN, 0), 500);
}

static void all_tries_end_within_three_minutes(void **state)
{
    (void)state;
    int sum_ms = 0;
    for (int tries = 0; tries < RETRY_TRIES - 1; tries++)
        sum_ms += retry_delay_ms(tries, ALMOST_ONE);
    assert_in_range(sum_ms, 60000, 183000); /* far below what any gateway remembers a key */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_from_one_second),
        cmocka_unit_test(never_above_a_minute),
        cmocka_unit_test(survives_a_negative_count),
        cmocka_unit_test(all_tries_end_within_three_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
