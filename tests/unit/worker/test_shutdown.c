/* How a worker stops: it drains, gives the rest back, ends the loop. */
#include "tests/unit/support/test.h"

#include "base/conf.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define GIVE_BACK_MS 1000

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    struct worker *w = *state;
    conf.drain_ms = 5000;
    intake_start(w);
    reaper_start(w);
    return err;
}

static int teardown(void **state)
{
    struct worker *w = *state;
    shutdown_stop(w);
    reaper_stop(w);
    intake_end(w);
    return worker_fixture_teardown(state);
}

static redis_reply *left(int given, int held)
{
    return reply_array(3, reply_text("left"), reply_int(given), reply_int(held));
}

static void without_jobs_it_is_over_at_once(void **state)
{
    struct worker *w = *state;
    shutdown_request(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DRAIN);
    shutdown_turn(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
    fake_rds_answer("active", reply_array(0));
    assert_string_equal(fake_rds_arg("leave", 0), w->id);
    fake_rds_answer("leave", left(0, 0));
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
}

static void a_job_in_hand_and_a_take_under_way_are_waited_for(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    fake_rds_answer("beat", reply_words("ok"));
    fake_rds_answer("active", reply_array(0));
    intake_turn(w);
    struct job *job = fixture_job_at(w, "payment");
    shutdown_request(w);
    shutdown_turn(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DRAIN);
    job_close(job);
    shutdown_turn(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DRAIN);
    fake_rds_answer("claim", reply_array(2, reply_int(-1), reply_text(FIXTURE_ID)));
    assert_int_equal(w->jobs.n, 0);
    shutdown_turn(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
}

static void after_the_drain_time_the_rest_is_given_back(void **state)
{
    struct worker *w = *state;
    fixture_job_at(w, "payment");
    shutdown_request(w);
    fake_clock_advance(w->loop, 4999);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DRAIN);
    fake_clock_advance(w->loop, 1);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
    assert_int_equal(w->jobs.n, 0);
}

/* In batches, whether we know of a job or not, until none is held. */
static void all_of_our_list_is_given_back(void **state)
{
    struct worker *w = *state;
    shutdown_request(w);
    shutdown_request(w); /* impatient: no drain */
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
    shutdown_turn(w);
    shutdown_turn(w);
    assert_int_equal(fake_rds_waiting("active"), 1); /* one command at a time */
    fake_rds_answer("active", reply_words("order_00a", "order_00b"));
    assert_string_equal(fake_rds_arg("leave", 1), "order_00a");
    assert_string_equal(fake_rds_arg("leave", 2), "order_00b");
    fake_rds_answer("leave", left(2, 1));
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
    shutdown_turn(w);
    fake_rds_answer("active", reply_words("order_00c"));
    fake_rds_answer("leave", left(1, 0));
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
    assert_int_equal(w->shutdown.given, 3);
}

static void a_lost_or_malformed_answer_is_tried_again_until_time_is_up(void **state)
{
    struct worker *w = *state;
    shutdown_request(w);
    shutdown_turn(w);
    fake_rds_fail("active", RDS_LOST, "the connection broke");
    shutdown_turn(w);
    fake_rds_answer("active", reply_array(0));
    fake_rds_answer("leave", reply_words("left"));
    shutdown_turn(w);
    assert_int_equal(fake_rds_waiting("active"), 1);
    fake_clock_advance(w->loop, GIVE_BACK_MS - 1);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_GIVE_BACK);
    fake_clock_advance(w->loop, 1);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
}

static void without_redis_time_runs_out(void **state)
{
    struct worker *w = *state;
    fake_rds_set_up(w->rds, 0);
    shutdown_request(w);
    shutdown_turn(w);
    shutdown_turn(w);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    fake_clock_advance(w->loop, GIVE_BACK_MS);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
}

static void the_third_signal_ends_it_at_once(void **state)
{
    struct worker *w = *state;
    fixture_job_at(w, "payment");
    for (int i = 0; i < 3; i++)
        shutdown_request(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
    shutdown_request(w);
    shutdown_turn(w);
    assert_int_equal(w->shutdown.phase, SHUTDOWN_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        TEST(without_jobs_it_is_over_at_once),
        TEST(a_job_in_hand_and_a_take_under_way_are_waited_for),
        TEST(after_the_drain_time_the_rest_is_given_back),
        TEST(all_of_our_list_is_given_back),
        TEST(a_lost_or_malformed_answer_is_tried_again_until_time_is_up),
        TEST(without_redis_time_runs_out),
        TEST(the_third_signal_ends_it_at_once),
    };
    return cmocka_run_group_tests_name("worker/shutdown", tests, NULL, NULL);
}
