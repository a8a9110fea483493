/* The steps that are no payment: kitchen, stages, broadcast. */
#include "tests/unit/support/test.h"

#include "base/conf.h"
#include "base/metrics.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"
#include "worker/steps.h"

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    struct worker *w = *state;
    conf.kitchen_ms = 1000;
    conf.stage_min_ms = 2000;
    conf.stage_max_ms = 4000;
    w->runner.steps = job_steps;
    return err;
}

/* The step is over, and the next one waits for a stage's time. */
static void expect_step(const char *step)
{
    fixture_turn();
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_string_equal(fake_rds_arg("step_jobs", 3), step);
    assert_string_equal(fake_rds_arg("step_jobs", 4), "ok");
    assert_in_range(fake_rds_arg_int("step_jobs", 5), 2000, 4000);
}

static void every_step_of_a_job_is_done_by_one(void **state)
{
    (void)state;
    for (int i = 0; i < STEP_COUNT; i++)
        assert_true(job_steps[i] != NULL);
    assert_true(job_steps[STEP_PAYMENT] == payment_run);
    assert_true(job_steps[STEP_REFUND] == refund_run);
    assert_true(job_steps[STEP_KITCHEN] == kitchen_run);
    assert_true(job_steps[STEP_BROADCAST] == broadcast_run);
}

static void the_kitchen_acknowledges_after_a_while(void **state)
{
    struct worker *w = *state;
    fixture_job_at(w, "kitchen");
    fake_clock_advance(w->loop, 999);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    fake_clock_advance(w->loop, 1);
    expect_step("kitchen");
}

static void a_kitchen_without_a_wait_acknowledges_at_once(void **state)
{
    conf.kitchen_ms = 0;
    fixture_job_at(*state, "kitchen");
    expect_step("kitchen");
}

static void the_kitchen_is_not_told_of_a_cancelled_order(void **state)
{
    runner_claimed(*state, FIXTURE_ID);
    fixture_answer_job("begin_jobs", fixture_begun("kitchen", 0, "cancelled", "pay_x"));
    fixture_turn();
    assert_string_equal(fake_rds_arg("step_jobs", 3), "kitchen");
    assert_string_equal(fake_rds_arg("step_jobs", 5),
                        "0"); /* the refund does not wait for a stage */
}

static void a_kitchen_of_an_earlier_ownership_is_not_heard(void **state)
{
    struct worker *w = *state;
    fixture_job_at(w, "kitchen");
    runner_claimed(w, FIXTURE_ID);
    fake_clock_advance(w->loop, 1000);
    fixture_turn();
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_int_equal(fake_rds_waiting("begin_jobs"), 1);
}

static void a_stage_is_recorded_at_once(void **state)
{
    static const char *const STAGES[] = {"preparing_food", "quality_check", "out_for_delivery",
                                         "delivered"};
    for (size_t i = 0; i < LENGTH(STAGES); i++) {
        fixture_job_at(*state, STAGES[i]);
        expect_step(STAGES[i]);
        fixture_answer_job("step_jobs", reply_words("settled", "delivered"));
    }
}

static void an_update_is_published_and_leaves(void **state)
{
    struct worker *w = *state;
    int64_t chat = metric_values[M_CHAT];
    fixture_job_at(w, "broadcast");
    assert_string_equal(fake_rds_arg("publish_update", 0), FIXTURE_ID);
    assert_string_equal(fake_rds_arg("publish_update", 1), "7");
    fake_rds_answer("publish_update", reply_array(2, reply_text("published"), reply_int(3)));
    assert_int_equal(w->jobs.n, 0);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    assert_int_equal(metric_values[M_CHAT], chat + 1);
}

static void an_update_that_is_not_published(void **state)
{
    struct worker *w = *state;
    int64_t chat = metric_values[M_CHAT];
    fixture_job_at(w, "broadcast");
    fake_rds_answer("publish_update", reply_words("fenced"));
    assert_int_equal(w->jobs.n + fake_rds_waiting(NULL), 0);
    fixture_job_at(w, "broadcast");
    fake_rds_fail("publish_update", RDS_LOST, "the connection broke");
    assert_int_equal(w->jobs.n + fake_rds_waiting(NULL), 0);
    assert_int_equal(w->n_unsure, 1);
    fixture_job_at(w, "broadcast");
    fake_rds_answer("publish_update", reply_nil());
    assert_string_equal(fake_rds_arg("fail", 4), "malformed answer to publish_update");
    assert_int_equal(metric_values[M_CHAT], chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, worker_fixture_teardown)
        TEST(every_step_of_a_job_is_done_by_one),
        TEST(the_kitchen_acknowledges_after_a_while),
        TEST(a_kitchen_without_a_wait_acknowledges_at_once),
        TEST(the_kitchen_is_not_told_of_a_cancelled_order),
        TEST(a_kitchen_of_an_earlier_ownership_is_not_heard),
        TEST(a_stage_is_recorded_at_once),
        TEST(an_update_is_published_and_leaves),
        TEST(an_update_that_is_not_published),
    };
    return cmocka_run_group_tests_name("worker/steps", tests, NULL, NULL);
}
