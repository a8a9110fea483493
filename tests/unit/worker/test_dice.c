/* Fault injection: thresholds between the outcomes of a charge. */
#include "tests/unit/support/test.h"

#include "worker/dice.h"

static const double ALMOST_ONE = 0.999999;

static void no_odds_always_capture(void **state)
{
    (void)state;
    const struct dice_odds none = {0};
    assert_int_equal(dice_roll(&none, 0), DICE_CAPTURE);
    assert_int_equal(dice_roll(&none, 0.5), DICE_CAPTURE);
    assert_int_equal(dice_roll(&none, ALMOST_ONE), DICE_CAPTURE);
}

static void a_hundred_per_cent_is_always(void **state)
{
    (void)state;
    const struct {
        struct dice_odds odds;
        enum dice_outcome outcome;
    } cases[] = {
        {{.decline_pct = 100}, DICE_DECLINE},
        {{.error_pct = 100}, DICE_ERROR},
        {{.timeout_pct = 100}, DICE_TIMEOUT},
        {{.lost_reply_pct = 100}, DICE_LOST_REPLY},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        for (int roll = 0; roll < 16; roll++)
            assert_int_equal(dice_roll(&cases[i].odds, roll / 16.0), cases[i].outcome);
}

static void thresholds_follow_each_other(void **state)
{
    (void)state;
    const struct dice_odds odds = {
        .decline_pct = 10, .error_pct = 20, .timeout_pct = 30, .lost_reply_pct = 15};
    static const struct {
        double unit;
        enum dice_outcome outcome;
    } CASES[] = {
        {0.00, DICE_DECLINE},      {0.0999, DICE_DECLINE},    {0.1001, DICE_ERROR},
        {0.2999, DICE_ERROR},      {0.3001, DICE_TIMEOUT},    {0.5999, DICE_TIMEOUT},
        {0.6001, DICE_LOST_REPLY}, {0.7499, DICE_LOST_REPLY}, {0.7501, DICE_CAPTURE},
        {0.9999, DICE_CAPTURE},
    };
    for (size_t i = 0; i < LENGTH(CASES); i++)
        assert_int_equal(dice_roll(&odds, CASES[i].unit), CASES[i].outcome);
}

static void shares_come_out_as_set(void **state)
{
    (void)state;
    const struct dice_odds odds = {
        .decline_pct = 1, .error_pct = 2, .timeout_pct = 3, .lost_reply_pct = 4};
    int seen[DICE_LOST_REPLY + 1] = {0};
    for (int i = 0; i < 10000; i++)
        seen[dice_roll(&odds, (i + 0.5) / 10000)]++;
    assert_int_equal(seen[DICE_DECLINE], 100);
    assert_int_equal(seen[DICE_ERROR], 200);
    assert_int_equal(seen[DICE_TIMEOUT], 300);
    assert_int_equal(seen[DICE_LOST_REPLY], 400);
    assert_int_equal(seen[DICE_CAPTURE], 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_odds_always_capture),
        cmocka_unit_test(a_hundred_per_cent_is_always),
        cmocka_unit_test(thresholds_follow_each_other),
        cmocka_unit_test(shares_come_out_as_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
