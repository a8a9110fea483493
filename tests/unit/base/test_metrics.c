#include "tests/unit/support/test.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/metrics.h"

static int forget(void **state)
{
    (void)state;
    memset(metric_values, 0, sizeof metric_values);
    memset(latency_counts, 0, sizeof latency_counts);
    latency_sum_us = 0;
    return 0;
}

static void names_are_unique_and_fit_prometheus(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_name((enum metric)m), *type = metric_type((enum metric)m);
        size_t n = strlen(name);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), n);
        assert_true(islower((unsigned char)name[0]));
        assert_non_null(metric_help((enum metric)m));
        if (strcmp(type, "counter") == 0)
            assert_string_equal(n > 6 ? name + n - 6 : "", "_total");
        else
            assert_string_equal(type, "gauge");
        for (int other = 0; other < m; other++)
            assert_string_not_equal(name, metric_name((enum metric)other));
    }
}

static void adding_touches_one_metric(void **state)
{
    (void)state;
    metric_add(M_SSE, 3);
    metric_add(M_SSE, -1);
    metric_add(M_HELD, 7);
    for (int m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(metric_values[m], m == M_SSE ? 2 : m == M_HELD ? 7 : 0);
}

static void bounds_grow_by_the_square_root_of_two(void **state)
{
    (void)state;
    assert_int_equal(latency_bound_us(0), 250);
    assert_int_equal(latency_bound_us(1), 354);
    assert_int_equal(latency_bound_us(2), 500);
    assert_int_equal(latency_bound_us(LATENCY_BUCKETS - 2), 16384000);
    assert_true(latency_bound_us(LATENCY_BUCKETS - 1) == INT64_MAX);
    for (int i = 1; i < LATENCY_BUCKETS - 1; i++) {
        double factor = (double)latency_bound_us(i) / (double)latency_bound_us(i - 1);
        assert_true(fabs(factor - sqrt(2)) < 0.003);
    }
}

static void record_counts_into_the_bucket_whose_bound_holds_it(void **state)
{
    static const struct {
        int64_t us;
        int bucket;
    } TABLE[] = {
        {0, 0},   {1, 0},   {250, 0},       {251, 1},       {354, 1},         {355, 2},
        {500, 2}, {501, 3}, {16384000, 32}, {16384001, 33}, {3600000000, 33}, {INT64_MAX / 2, 33},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        forget(NULL);
        latency_record(TABLE[i].us);
        for (int b = 0; b < LATENCY_BUCKETS; b++)
            if (latency_counts[b] != (b == TABLE[i].bucket))
                fail_msg("%lld us counted in bucket %d", (long long)TABLE[i].us, b);
        assert_true(latency_sum_us == TABLE[i].us);
    }
}

static void time_that_ran_backwards_is_the_first_bucket(void **state)
{
    (void)state;
    latency_record(-5);
    assert_int_equal(latency_counts[0], 1);
}

static int is_near(double value, double expected)
{
    return fabs(value - expected) < 1e-9;
}

static void quantile_of_nothing_is_zero(void **state)
{
    (void)state;
    assert_true(is_near(latency_quantile_ms(latency_counts, 0.5), 0));
    assert_true(is_near(latency_quantile_ms(latency_counts, 1), 0));
}

static void quantiles_are_the_bounds_of_their_buckets(void **state)
{
    static const struct {
        double q, ms;
    } TABLE[] = {
        {0.01, 0.25}, {0.5, 0.25}, {0.89, 0.25}, {0.9, 0.25}, {0.91, 1.0},
        {0.98, 1.0},  {0.99, 1.0}, {0.995, 256}, {1.0, 256},
    };
    (void)state;
    /* of 1000: 900 in 0.25 ms, 90 in 1 ms, 10 in 256 ms */
    for (int i = 0; i < 1000; i++)
        latency_record(i < 900 ? 100 : i < 990 ? 900 : 200000);
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        double ms = latency_quantile_ms(latency_counts, TABLE[i].q);
        if (!is_near(ms, TABLE[i].ms))
            fail_msg("q %g: %g ms, expected %g", TABLE[i].q, ms, TABLE[i].ms);
    }
}

static void open_bucket_answers_with_the_last_bound(void **state)
{
    (void)state;
    latency_record(60000000);
    assert_true(is_near(latency_quantile_ms(latency_counts, 0.5), 16384));
    assert_true(is_near(latency_quantile_ms(latency_counts, 1), 16384));
}

/* An upper bound, so never too low, and at most one bucket too high. */
static void quantile_is_never_below_and_within_a_bucket(void **state)
{
    (void)state;
    for (int64_t us = 200; us < 16000000; us = us * 11 / 10) {
        forget(NULL);
        latency_record(us);
        double ms = latency_quantile_ms(latency_counts, 0.99), real = (double)us / 1000;
        assert_true(ms >= real);
        assert_true(ms <= 0.25 || ms <= real * 1.42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_fit_prometheus),
        cmocka_unit_test_setup(adding_touches_one_metric, forget),
        cmocka_unit_test(bounds_grow_by_the_square_root_of_two),
        cmocka_unit_test_setup(record_counts_into_the_bucket_whose_bound_holds_it, forget),
        cmocka_unit_test_setup(time_that_ran_backwards_is_the_first_bucket, forget),
        cmocka_unit_test_setup(quantile_of_nothing_is_zero, forget),
        cmocka_unit_test_setup(quantiles_are_the_bounds_of_their_buckets, forget),
        cmocka_unit_test_setup(open_bucket_answers_with_the_last_bound, forget),
        cmocka_unit_test_setup(quantile_is_never_below_and_within_a_bucket, forget),
    };
    return cmocka_run_group_tests_name("base/metrics", tests, NULL, NULL);
}
