/* The heartbeat, the lease it gives, and a clock of Redis that is stepped. */
#include "tests/unit/support/test.h"

#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

static void the_heartbeat_comes_three_times_a_ttl_and_gives_the_lease(void **state)
{
    struct worker *w = *state;
    assert_int_equal(w->intake.lease_until_ms, 0);
    fixture_come_to_rest(w);
    assert_int_equal(w->intake.lease_until_ms, FIXTURE_REDIS_MS + FIXTURE_TTL_MS);
    fake_clock_advance(w->loop, FIXTURE_TTL_MS / 3);
    assert_int_equal(fake_rds_waiting("beat"), 1);
    assert_string_equal(fake_rds_arg("beat", 0), w->id);
    assert_int_equal(fake_rds_arg_int("beat", 1), FIXTURE_TTL_MS);
    fake_clock_advance(w->loop, FIXTURE_TTL_MS / 3);
    assert_int_equal(fake_rds_waiting("beat"), 1); /* never two */
    fixture_answer_beat(0, FIXTURE_REDIS_MS + 6000);
    assert_int_equal(w->intake.lease_until_ms, FIXTURE_REDIS_MS + 6000 + FIXTURE_TTL_MS);
}

static void a_lost_heartbeat_breaks_the_pulse(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    fixture_answer_beat(FIXTURE_TTL_MS,
                        FIXTURE_REDIS_MS); /* those of all were steady for so long */
    assert_true(pulse_is_steady(&w->intake.pulse, 5000));
    fake_clock_advance(w->loop, FIXTURE_TTL_MS / 3);
    fake_rds_fail("beat", RDS_TIMEOUT, "no answer");
    assert_false(pulse_is_steady(&w->intake.pulse, 5000 + FIXTURE_TTL_MS / 3));
}

/* The functions of an earlier version say neither how steady, nor what time it is. */
static void a_heartbeat_of_an_earlier_version_registers_all_the_same(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    fake_rds_answer("active", reply_array(0));
    fake_rds_answer("beat", reply_words("ok"));
    intake_turn(w);
    assert_int_equal(fake_rds_arg_int("claim", 2), 0);
    assert_int_equal(w->intake.lease_until_ms, 0);
}

static void a_step_of_redis_clock_is_told_in_the_place_of_a_heartbeat(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    fake_clock_advance(w->loop, 3000);
    fixture_answer_beat(FIXTURE_TTL_MS, FIXTURE_REDIS_MS + 3000 + 60000);
    assert_int_equal(fake_rds_arg_int("clock_set", 0), FIXTURE_REDIS_MS);
    assert_int_equal(fake_rds_arg_int("clock_set", 1), 60000);
    assert_false(pulse_is_steady(&w->intake.pulse, 8000));
    fake_clock_advance(w->loop, 3000);
    assert_int_equal(fake_rds_waiting("beat"), 0);
    fake_rds_answer("clock_set",
                    reply_array(2, reply_text("put_off"), reply_int(FIXTURE_REDIS_MS + 66000)));
    intake_turn(w);
    assert_int_equal(fake_rds_arg_int("claim", 2), FIXTURE_REDIS_MS + 66000);
}

static void a_step_that_could_not_be_told_is_found_again(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    fake_clock_advance(w->loop, 3000);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + 63000);
    fake_rds_fail("clock_set", RDS_LOST, "the connection broke");
    fake_clock_advance(w->loop, 3000);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + 66000);
    assert_int_equal(fake_rds_arg_int("clock_set", 0), FIXTURE_REDIS_MS);
    assert_int_equal(fake_rds_arg_int("clock_set", 1), 60000);
}

/* The first heartbeat after it shows it; what stands in the list Redis then answers with begins
 * anew. So does a job whose begin is answered then: it may have been sent long before. */
static void a_lease_that_lapsed_carries_no_job_over(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    fixture_job_at(w, "payment");
    fake_clock_advance(w->loop, FIXTURE_TTL_MS);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + FIXTURE_TTL_MS); /* at its last moment */
    assert_int_equal(w->jobs.n, 1);
    runner_claimed(w, "order_00beginningbeginningbegi");
    fixture_turn();
    fake_clock_advance(w->loop, FIXTURE_TTL_MS + 1);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + 2 * FIXTURE_TTL_MS + 1);
    assert_null(jobs_find(&w->jobs, FIXTURE_ID));
    assert_int_equal(w->jobs.n, 1);
    assert_int_equal(w->n_unsure, 1);
    fake_rds_answer("active", reply_words(FIXTURE_ID));
    assert_int_equal(w->n_unsure, 0);
    assert_int_equal(jobs_find(&w->jobs, FIXTURE_ID)->state, JOB_BEGINNING);
    fake_rds_answer("begin_jobs", reply_array(1, fixture_begun("payment", 0, "placed", "pay_x")));
    assert_int_equal(fixture_seen.n_steps, 1);
    assert_int_equal(w->jobs.n, 1);
    assert_int_equal(w->n_unsure, 1);
    fixture_answer_job("begin_jobs", fixture_begun("payment", 0, "placed", "pay_x"));
    assert_int_equal(fixture_seen.n_steps, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, intake_fixture_setup, intake_fixture_teardown)
        TEST(the_heartbeat_comes_three_times_a_ttl_and_gives_the_lease),
        TEST(a_lost_heartbeat_breaks_the_pulse),
        TEST(a_heartbeat_of_an_earlier_version_registers_all_the_same),
        TEST(a_step_of_redis_clock_is_told_in_the_place_of_a_heartbeat),
        TEST(a_step_that_could_not_be_told_is_found_again),
        TEST(a_lease_that_lapsed_carries_no_job_over),
    };
    return cmocka_run_group_tests_name("worker/intake_heartbeat", tests, NULL, NULL);
}
