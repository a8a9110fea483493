/* How many calls the worker may have in Redis, by what comes in meanwhile. */
#include "tests/unit/support/test.h"

#include "base/metrics.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define LOOK_MS 100 /* as in share.c */

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    share_start(*state);
    return err;
}

static int teardown(void **state)
{
    share_stop(*state);
    return worker_fixture_teardown(state);
}

static void look(struct worker *w, int64_t placed)
{
    fake_clock_advance(w->loop, LOOK_MS);
    assert_int_equal(fake_rds_waiting("HGET"), 1);
    fake_rds_answer("HGET", reply_int(placed));
}

static void expect_bound(const struct worker *w, size_t n_calls)
{
    assert_int_equal(w->outbox.begins.unanswered_max, n_calls);
    assert_int_equal(w->outbox.steps.unanswered_max, n_calls);
}

static void few_calls_while_orders_come_in_many_while_none_do(void **state)
{
    struct worker *w = *state;
    expect_bound(w, SHARE_CALLS_CALM);
    jobs_add(&w->jobs, FIXTURE_ID);
    look(w, 5000); /* these may have come long ago */
    expect_bound(w, SHARE_CALLS_CALM);
    metric_add(M_STEPS, 16000);
    look(w, 6001);
    expect_bound(w, SHARE_CALLS_RUSH);
    metric_add(M_STEPS, 16000);
    look(w, 7001);
    expect_bound(w, SHARE_CALLS_CALM);
}

static void a_worker_without_jobs_does_not_ask(void **state)
{
    struct worker *w = *state;
    fake_clock_advance(w->loop, LOOK_MS);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

static void without_an_answer_all_stays_as_it_is(void **state)
{
    struct worker *w = *state;
    jobs_add(&w->jobs, FIXTURE_ID);
    look(w, 1);
    look(w, 9);
    expect_bound(w, SHARE_CALLS_RUSH);
    fake_clock_advance(w->loop, LOOK_MS);
    fake_clock_advance(w->loop, LOOK_MS);
    assert_int_equal(fake_rds_waiting("HGET"), 1); /* never two */
    fake_rds_fail("HGET", RDS_LOST, "the connection broke");
    expect_bound(w, SHARE_CALLS_RUSH);
    fake_clock_advance(w->loop, LOOK_MS);
    fake_rds_answer("HGET", reply_array(0)); /* no number */
    expect_bound(w, SHARE_CALLS_RUSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        TEST(few_calls_while_orders_come_in_many_while_none_do),
        TEST(a_worker_without_jobs_does_not_ask),
        TEST(without_an_answer_all_stays_as_it_is),
    };
    return cmocka_run_group_tests_name("worker/share", tests, NULL, NULL);
}
