#include "tests/unit/support/test.h"

#include <string.h>

#include "base/rds.h"
#include "order/process_metrics.h"
#include "tests/unit/support/replies.h"

static int is_empty(const struct process_metrics_sum *sum)
{
    static const struct process_metrics_sum EMPTY;
    return memcmp(sum, &EMPTY, sizeof EMPTY) == 0;
}

static void figures_of_several_processes_add_up(void **state)
{
    (void)state;
    struct process_metrics_sum sum = {0};
    process_metrics_add(&sum, reply_words("requests_total", "10", "sse_streams", "3", "le0", "7",
                                          "le33", "1", "latency_sum_us", "5000"));
    process_metrics_add(&sum, reply_words("sse_streams", "4", "le0", "2", "latency_sum_us", "20"));
    assert_int_equal(sum.values[M_REQUESTS], 10);
    assert_int_equal(sum.values[M_SSE], 7);
    assert_int_equal(sum.values[M_WS], 0);
    assert_int_equal(sum.latency[0], 9);
    assert_int_equal(sum.latency[1], 0);
    assert_int_equal(sum.latency[33], 1);
    assert_int_equal(sum.latency_sum_us, 5020);
}

static void every_metric_and_bucket_is_known(void **state)
{
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct process_metrics_sum sum = {0};
        process_metrics_add(&sum, reply_words(metric_name((enum metric)m), "5"));
        for (int other = 0; other < METRIC_COUNT; other++)
            assert_int_equal(sum.values[other], other == m ? 5 : 0);
    }
    for (int b = 0; b < LATENCY_BUCKETS; b++) {
        struct process_metrics_sum sum = {0};
        char field[] = "le??";
        field[2] = (char)(b < 10 ? '0' + b : '0' + b / 10);
        field[3] = (char)(b < 10 ? '\0' : '0' + b % 10);
        process_metrics_add(&sum, reply_words(field, "5"));
        for (int other = 0; other < LATENCY_BUCKETS; other++)
            assert_int_equal(sum.latency[other], other == b ? 5 : 0);
    }
}

static void process_that_is_gone_adds_nothing(void **state)
{
    (void)state;
    struct process_metrics_sum sum = {0};
    process_metrics_add(&sum, reply_array(0));
    process_metrics_add(&sum, reply_nil());
    process_metrics_add(&sum, NULL);
    assert_true(is_empty(&sum));
}

static void strange_fields_add_nothing(void **state)
{
    (void)state;
    struct process_metrics_sum sum = {0};
    process_metrics_add(&sum,
                        reply_words("requests_total", "many", "requests_total", "", "le0", "x"));
    process_metrics_add(&sum, reply_words("unknown_total", "5", "", "5", "requests", "5"));
    process_metrics_add(&sum, reply_words("le34", "5", "le-1", "5", "le99999999999", "5"));
    process_metrics_add(&sum, reply_words("requests_total"));
    process_metrics_add(&sum, reply_array(2, reply_int(1), reply_text("5")));
    process_metrics_add(&sum, reply_array(2, reply_text("requests_total"), reply_nil()));
    assert_true(is_empty(&sum));
}

static void bucket_must_be_a_number(void **state)
{
    static const char *const BAD[] = {"le", "lex", "le1x", "level", "le 1", "le+1"};
    (void)state;
    for (size_t i = 0; i < LENGTH(BAD); i++) {
        struct process_metrics_sum sum = {0};
        process_metrics_add(&sum, reply_words(BAD[i], "5"));
        if (!is_empty(&sum))
            fail_msg("%s counts", BAD[i]);
    }
}

#define WITH_REPLIES(test) cmocka_unit_test_teardown(test, replies_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REPLIES(figures_of_several_processes_add_up),
        WITH_REPLIES(every_metric_and_bucket_is_known),
        WITH_REPLIES(process_that_is_gone_adds_nothing),
        WITH_REPLIES(strange_fields_add_nothing),
        WITH_REPLIES(bucket_must_be_a_number),
    };
    return cmocka_run_group_tests_name("order/process_metrics", tests, NULL, NULL);
}
