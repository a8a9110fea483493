/* Which workers are asked to be reaped, when, and in which steps. Whether one is dead, Redis
 * decides. */
#include "tests/unit/support/test.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define ROUND_MS 1000

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    struct worker *w = *state;
    w->intake.pulse = (struct pulse)PULSE_INIT(FIXTURE_TTL_MS);
    reaper_start(w);
    return err;
}

static int teardown(void **state)
{
    reaper_stop(*state);
    return worker_fixture_teardown(state);
}

/* Heartbeats have been steady, and Redis' clock is known. */
static void beat(struct worker *w)
{
    redis_clock_ask(&w->intake.redis_clock, clock_mono_ms());
    redis_clock_accept(&w->intake.redis_clock, FIXTURE_REDIS_MS, clock_mono_ms());
    pulse_beat(&w->intake.pulse, clock_mono_ms(), FIXTURE_TTL_MS);
}

/* A round has begun: these workers there are. */
static void start_round(struct worker *w, const struct redisReply *workers)
{
    beat(w);
    fake_clock_advance(w->loop, ROUND_MS);
    fake_rds_answer("SMEMBERS", workers);
}

static redis_reply *reaped(int moved, int left)
{
    return reply_array(3, reply_text("reaped"), reply_int(moved), reply_int(left));
}

static void without_a_steady_pulse_none_is_called_dead(void **state)
{
    struct worker *w = *state;
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    beat(w);
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting("SMEMBERS"), 1);
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting(NULL), 1); /* one round at a time */
}

static void each_other_worker_is_asked_for_in_turn(void **state)
{
    struct worker *w = *state;
    start_round(w, reply_words("a-1-x", w->id, "b-2-y"));
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_string_equal(fake_rds_arg("reap", 0), "a-1-x");
    assert_int_equal(fake_rds_arg_int("reap", 3), FIXTURE_REDIS_MS + ROUND_MS);
    assert_string_equal(fake_rds_arg("reap", 4), ""); /* of no job yet: is it dead at all? */
    fake_rds_answer("reap", reply_words("alive"));
    assert_string_equal(fake_rds_arg("reap", 0), "b-2-y");
    fake_rds_answer("reap", reply_words("alive"));
    assert_int_equal(fake_rds_waiting(NULL), 0);
    beat(w);
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting("SMEMBERS"), 1);
}

static void the_jobs_of_a_dead_one_are_requeued_batch_by_batch(void **state)
{
    struct worker *w = *state;
    int64_t before = metric_values[M_REAPED];
    start_round(w, reply_words("a-1-x"));
    fake_rds_answer("reap", reaped(0, 3));
    fake_rds_answer("active", reply_words("order_00a", "order_00b"));
    assert_string_equal(fake_rds_arg("reap", 4), "order_00a");
    assert_string_equal(fake_rds_arg("reap", 5), "order_00b");
    fake_rds_answer("reap", reaped(2, 1));
    fake_rds_answer("active", reply_words("order_00c"));
    fake_rds_answer("reap", reaped(1, 0));
    assert_int_equal(fake_rds_waiting(NULL), 0);
    assert_int_equal(metric_values[M_REAPED], before + 3);
}

/* Its list holds an entry that is no job, which can never be moved. */
static void a_list_that_does_not_shrink_is_left_after_one_try(void **state)
{
    struct worker *w = *state;
    start_round(w, reply_words("a-1-x", "b-2-y"));
    fake_rds_answer("reap", reaped(0, 1));
    fake_rds_answer("active", reply_words("nonsense"));
    fake_rds_answer("reap", reaped(0, 1));
    assert_string_equal(fake_rds_arg("reap", 0), "b-2-y");
}

static void an_answer_that_is_lost_ends_the_round(void **state)
{
    static const char *const COMMANDS[] = {"SMEMBERS", "reap", "active"};
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(COMMANDS); i++) {
        beat(w);
        fake_clock_advance(w->loop, ROUND_MS);
        if (i > 0)
            fake_rds_answer("SMEMBERS", reply_words("a-1-x", "b-2-y"));
        if (i > 1)
            fake_rds_answer("reap", reaped(0, 3));
        fake_rds_fail(COMMANDS[i], RDS_LOST, "the connection broke");
        assert_int_equal(fake_rds_waiting(NULL), 0);
    }
}

static void a_pulse_that_breaks_ends_the_round(void **state)
{
    struct worker *w = *state;
    start_round(w, reply_words("a-1-x", "b-2-y"));
    pulse_break(&w->intake.pulse);
    fake_rds_answer("reap", reply_words("alive"));
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

static void a_malformed_answer_is_taken_for_alive(void **state)
{
    struct worker *w = *state;
    start_round(w, reply_words("a-1-x", "b-2-y"));
    fake_rds_answer("reap", reply_words("reaped"));
    assert_string_equal(fake_rds_arg("reap", 0), "b-2-y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        TEST(without_a_steady_pulse_none_is_called_dead),
        TEST(each_other_worker_is_asked_for_in_turn),
        TEST(the_jobs_of_a_dead_one_are_requeued_batch_by_batch),
        TEST(a_list_that_does_not_shrink_is_left_after_one_try),
        TEST(an_answer_that_is_lost_ends_the_round),
        TEST(a_pulse_that_breaks_ends_the_round),
        TEST(a_malformed_answer_is_taken_for_alive),
    };
    return cmocka_run_group_tests_name("worker/reaper", tests, NULL, NULL);
}
