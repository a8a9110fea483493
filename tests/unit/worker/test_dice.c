/* The gateway's luck: thresholds between the fates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/dice.h"

static const double ALMOST_ONE = 0.999999;

static void good_days_always_capture(void **state)
{
    (void)state;
    const struct odds none = {0};
    assert_int_equal(dice_fate(&none, 0), FATE_CAPTURE);
    assert_int_equal(dice_fate(&none, 0.5), FATE_CAPTURE);
    assert_int_equal(dice_fate(&none, ALMOST_ONE), FATE_CAPTURE);
}

static void a_hundred_per_cent_is_always(void **state)
{
    (void)state;
    const struct {
        struct odds odds;
        enum fate fate;
    } cases[] = {
        {{.decline_pct = 100}, FATE_DECLINE},
        {{.error_pct = 100}, FATE_ERROR},
        {{.timeout_pct = 100}, FATE_TIMEOUT},
        {{.lost_reply_pct = 100}, FATE_LOST_REPLY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int roll = 0; roll < 16; roll++)
            assert_int_equal(dice_fate(&cases[i].odds, roll / 16.0), cases[i].fate);
}

static void thresholds_follow_each_other(void **state)
{
    (void)state;
    const struct odds odds = {
        .decline_pct = 10, .error_pct = 20, .timeout_pct = 30, .lost_reply_pct = 15};
    static const struct {
        double unit;
        enum fate fate;
    } CASES[] = {
        {0.00, FATE_DECLINE},      {0.0999, FATE_DECLINE},    {0.1001, FATE_ERROR},
        {0.2999, FATE_ERROR},      {0.3001, FATE_TIMEOUT},    {0.5999, FATE_TIMEOUT},
        {0.6001, FATE_LOST_REPLY}, {0.7499, FATE_LOST_REPLY}, {0.7501, FATE_CAPTURE},
        {0.9999, FATE_CAPTURE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_int_equal(dice_fate(&odds, CASES[i].unit), CASES[i].fate);
}

static void shares_come_out_as_set(void **state)
{
    (void)state;
    const struct odds odds = {
        .decline_pct = 1, .error_pct = 2, .timeout_pct = 3, .lost_reply_pct = 4};
    int seen[FATE_LOST_REPLY + 1] = {0};
    for (int i = 0; i < 10000; i++)
        seen[dice_fate(&odds, (i + 0.5) / 10000)]++;
    assert_int_equal(seen[FATE_DECLINE], 100);
    assert_int_equal(seen[FATE_ERROR], 200);
    assert_int_equal(seen[FATE_TIMEOUT], 300);
    assert_int_equal(seen[FATE_LOST_REPLY], 400);
    assert_int_equal(seen[FATE_CAPTURE], 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_days_always_capture),
        cmocka_unit_test(a_hundred_per_cent_is_always),
        cmocka_unit_test(thresholds_follow_each_other),
        cmocka_unit_test(shares_come_out_as_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
