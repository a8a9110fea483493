/* How jobs come in, by what Redis answers and by the clock. The runner is the real one: a claimed
 * job is one that it holds. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/metrics.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define POLL_MS 250
#define RECONCILE_MS 5000

/* ---- what is said and heard ------------------------------------------------------------------ */

/* A turn of the loop, so much later. */
static void turn_after(struct worker *w, int64_t ms)
{
    fake_clock_advance(w->loop, ms);
    intake_turn(w);
}

static const char *id_of(int i)
{
    static char id[ORDER_ID_SIZE];
    snprintf(id, sizeof id, "order_00%020d", i);
    return id;
}

/* An answer of take: [due_ms, n ids, the first of them number `from`]. */
static redis_reply *taken(int64_t due_ms, int from, int n)
{
    redis_reply *e[4] = {reply_int(due_ms)};
    assert_in_range(n, 0, 3);
    for (int i = 0; i < n; i++)
        e[1 + i] = reply_text(id_of(from + i));
    return reply_array((size_t)n + 1, e[0], e[1], e[2], e[3]);
}

/* ---- coming up ------------------------------------------------------------------------------- */

static void nothing_is_taken_before_both_answers(void **state)
{
    struct worker *w = *state;
    for (int beat_is_first = 0; beat_is_first < 2; beat_is_first++) {
        intake_on_redis(w, 1);
        intake_turn(w);
        assert_int_equal(fake_rds_waiting(NULL), 2);
        if (beat_is_first)
            fixture_answer_beat(0, FIXTURE_REDIS_MS);
        else
            fake_rds_answer("active", reply_array(0));
        intake_turn(w);
        assert_int_equal(fake_rds_waiting(NULL), 1);
        if (beat_is_first)
            fake_rds_answer("active", reply_array(0));
        else
            fixture_answer_beat(0, FIXTURE_REDIS_MS);
        intake_turn(w);
        fake_rds_answer("claim", taken(-1, 0, 0));
        intake_on_redis(w, 0);
        intake_turn(w); /* nothing is sent on a connection that is down */
        assert_int_equal(fake_rds_waiting(NULL), 0);
    }
}

static void a_take_says_for_whom_how_many_and_what_time_it_is(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    fake_rds_answer("active", reply_array(0));
    fixture_answer_beat(0, FIXTURE_REDIS_MS);
    turn_after(w, 70);
    assert_string_equal(fake_rds_arg("claim", 0), w->id);
    assert_int_equal(fake_rds_arg_int("claim", 1), FIXTURE_CONCURRENCY);
    assert_int_equal(fake_rds_arg_int("claim", 2), FIXTURE_REDIS_MS + 70);
}

static void a_new_connection_registers_and_reconciles_anew(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    intake_on_redis(w, 0);
    fake_rds_fail("claim", RDS_LOST, "the connection broke");
    intake_on_redis(w, 1);
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 0);
    assert_int_equal(fake_rds_waiting("beat"), 1);
    assert_int_equal(fake_rds_waiting("active"), 1);
}

/* ---- take ------------------------------------------------------------------------------------ */

static void a_full_answer_is_followed_by_the_next_take(void **state)
{
    struct worker *w = *state;
    conf.worker_concurrency = 5;
    intake_on_redis(w, 1);
    fixture_answer_beat(0, FIXTURE_REDIS_MS);
    fake_rds_answer("active", reply_array(0));
    w->n_unsure = 2;
    intake_turn(w);
    assert_int_equal(fake_rds_arg_int("claim", 1), 3); /* jobs of unknown outcome count as held */
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 1); /* never two */
    fake_rds_answer("claim", taken(-1, 0, 3));
    assert_int_equal(w->jobs.n, 3);
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim") + fake_rds_waiting("BLMOVE"), 0); /* no room */
    job_close(jobs_find(&w->jobs, id_of(1)));
    intake_turn(w);
    assert_int_equal(fake_rds_arg_int("claim", 1), 1);
    fake_rds_answer("claim", taken(-1, 3, 1));
    assert_int_equal(w->jobs.n, 3);
}

static void one_take_asks_for_200_at_most(void **state)
{
    struct worker *w = *state;
    conf.worker_concurrency = 1000;
    fixture_come_up(w);
    assert_int_equal(fake_rds_arg_int("claim", 1), 200);
}

static void what_is_no_id_in_an_answer_is_left_out(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    fake_rds_answer("claim",
                    reply_array(4, reply_int(-1), reply_nil(), reply_text(id_of(1)), reply_int(3)));
    assert_int_equal(w->jobs.n, 1);
}

static void an_unregistered_worker_registers_before_it_takes(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    fake_rds_answer("claim", reply_words("unregistered"));
    assert_int_equal(fake_rds_waiting("beat"), 1);
    turn_after(w, POLL_MS);
    assert_int_equal(fake_rds_waiting("claim"), 0);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + POLL_MS);
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

static void a_late_take_asks_what_time_it_is(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    fake_rds_answer("claim", reply_words("late"));
    assert_int_equal(fake_rds_waiting("beat"), 1);
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim") + fake_rds_waiting("BLMOVE"), 0);
    turn_after(w, POLL_MS);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

static void after_a_lost_take_the_poll_tries_again(void **state)
{
    static const enum rds_outcome OUTCOMES[] = {RDS_LOST, RDS_TIMEOUT, RDS_UNSENT, RDS_ERROR};
    struct worker *w = *state;
    fixture_come_up(w);
    for (size_t i = 0; i < LENGTH(OUTCOMES); i++) {
        fake_rds_fail("claim", OUTCOMES[i], "ERR of any kind");
        intake_turn(w);
        assert_int_equal(fake_rds_waiting("claim"), 0);
        turn_after(w, POLL_MS);
        assert_int_equal(fake_rds_waiting("claim"), 1);
    }
    fake_rds_answer("claim", taken(-1, 0, 2));
    assert_int_equal(w->jobs.n, 2);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void a_queue_with_nothing_ready_is_waited_for_on_the_wakers_connection(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    assert_string_equal(fake_rds_client("BLMOVE"), "tiffin-worker-waker");
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 1); /* never two */
    fake_rds_answer("BLMOVE", reply_text(id_of(1)));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 1);
    fake_rds_answer("claim", taken(-1, 1, 1));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 1); /* at once: it was worth it */
}

static void the_end_of_a_wait_is_followed_by_the_next(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    fake_rds_answer("BLMOVE", reply_nil());
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 1);
    assert_int_equal(fake_rds_waiting("claim"), 0);
}

/* It is woken, and takes nothing (another worker was faster, or the queue is paused), and is
 * about to wait again. */
static void wake_without_a_job(struct worker *w)
{
    fake_rds_answer("BLMOVE", reply_text(id_of(1)));
    intake_turn(w);
    fake_rds_answer("claim", taken(0, 0, 0));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 0);
}

/* Polls that come meanwhile find nothing. */
static int64_t ms_until_it_waits_again(struct worker *w)
{
    int64_t ms = 0;
    while (fake_rds_waiting("BLMOVE") == 0) {
        if (fake_rds_waiting("claim"))
            fake_rds_answer("claim", taken(-1, 0, 0));
        turn_after(w, 1);
        if (++ms > 5000)
            fail_msg("it does not wait again");
    }
    return ms;
}

static void wake_ups_without_a_job_back_off(void **state)
{
    static const int MS[] = {10, 20, 40, 80, 160, 320, 640, 1000, 1000};
    struct worker *w = *state;
    fixture_come_to_rest(w);
    for (size_t i = 0; i < LENGTH(MS); i++) {
        wake_without_a_job(w);
        assert_in_range(ms_until_it_waits_again(w), MS[i], MS[i] + 1);
    }
    fake_rds_answer("BLMOVE", reply_text(id_of(1)));
    intake_turn(w);
    fake_rds_answer("claim", taken(-1, 1, 1));
    intake_turn(w); /* one with a job ends it */
    wake_without_a_job(w);
    assert_in_range(ms_until_it_waits_again(w), 10, 11);
}

static void a_lost_wait_backs_off_too(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    fake_rds_fail("BLMOVE", RDS_LOST, "the connection broke");
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 0);
    turn_after(w, 11);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 1);
}

static void while_the_wakers_connection_is_down_the_poll_remains(void **state)
{
    struct worker *w = *state;
    fake_rds_set_up(w->intake.waker, 0);
    fixture_come_up(w);
    fake_rds_answer("claim", taken(-1, 0, 0));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    turn_after(w, POLL_MS);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

/* ---- delayed jobs ---------------------------------------------------------------------------- */

static void the_next_delayed_job_is_taken_when_it_is_due(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    fake_rds_answer("claim", taken(100, 0, 1));
    turn_after(w, 100);
    assert_int_equal(fake_rds_waiting("claim"), 0);
    turn_after(w, 1); /* Redis cuts its milliseconds off */
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

static void the_earliest_of_several_counts(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    intake_due_in(w, 100);
    intake_due_in(w, 40);
    intake_due_in(w, 80);
    turn_after(w, 40);
    assert_int_equal(fake_rds_waiting("claim"), 0);
    turn_after(w, 1);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

static void what_is_due_behind_the_poll_is_left_to_it(void **state)
{
    struct worker *w = *state;
    fixture_come_to_rest(w);
    intake_due_in(w, POLL_MS);
    assert_false(ev_is_active(&w->intake.due_timer));
    turn_after(w, POLL_MS);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

/* ---- reconciliation -------------------------------------------------------------------------- */

static void orphaned_jobs_are_adopted_and_held_ones_left_alone(void **state)
{
    struct worker *w = *state;
    int64_t adopted = metric_values[M_ADOPTED];
    fixture_come_up(w);
    fake_rds_answer("claim", taken(-1, 1, 1));
    w->n_unsure = 4;
    turn_after(w, RECONCILE_MS);
    fake_rds_answer("active",
                    reply_array(3, reply_text(id_of(1)), reply_nil(), reply_text(id_of(2))));
    assert_int_equal(w->jobs.n, 2);
    assert_non_null(jobs_find(&w->jobs, id_of(2)));
    assert_int_equal(w->n_unsure, 0);
    assert_int_equal(metric_values[M_ADOPTED], adopted + 1);
}

static void a_lost_list_is_asked_for_again(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    fixture_answer_beat(0, FIXTURE_REDIS_MS);
    turn_after(w, RECONCILE_MS);
    assert_int_equal(fake_rds_waiting("active"), 1); /* never two */
    fake_rds_fail("active", RDS_ERROR, "NOPERM");
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 0);
    turn_after(w, RECONCILE_MS);
    fake_rds_answer("active", reply_array(0));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void stopped_it_claims_nothing_and_keeps_its_heartbeat(void **state)
{
    struct worker *w = *state;
    fixture_come_up(w);
    intake_stop(w);
    fake_rds_answer("claim", taken(-1, 1, 2)); /* they stay in our list, to be given back */
    assert_int_equal(w->jobs.n, 0);
    intake_due_in(w, 10);
    turn_after(w, RECONCILE_MS);
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_int_equal(fake_rds_waiting("beat"), 1);
    fixture_answer_beat(0, FIXTURE_REDIS_MS + RECONCILE_MS);
    intake_end(w);
    turn_after(w, FIXTURE_TTL_MS);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

static void a_list_that_comes_after_the_stop_adopts_nothing(void **state)
{
    struct worker *w = *state;
    intake_on_redis(w, 1);
    intake_stop(w);
    fake_rds_answer("active", reply_words("order_00abcdefghijklmnopqrst"));
    assert_int_equal(w->jobs.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, intake_fixture_setup, intake_fixture_teardown)
        TEST(nothing_is_taken_before_both_answers),
        TEST(a_take_says_for_whom_how_many_and_what_time_it_is),
        TEST(a_new_connection_registers_and_reconciles_anew),
        TEST(a_full_answer_is_followed_by_the_next_take),
        TEST(one_take_asks_for_200_at_most),
        TEST(what_is_no_id_in_an_answer_is_left_out),
        TEST(an_unregistered_worker_registers_before_it_takes),
        TEST(a_late_take_asks_what_time_it_is),
        TEST(after_a_lost_take_the_poll_tries_again),
        TEST(a_queue_with_nothing_ready_is_waited_for_on_the_wakers_connection),
        TEST(the_end_of_a_wait_is_followed_by_the_next),
        TEST(wake_ups_without_a_job_back_off),
        TEST(a_lost_wait_backs_off_too),
        TEST(while_the_wakers_connection_is_down_the_poll_remains),
        TEST(the_next_delayed_job_is_taken_when_it_is_due),
        TEST(the_earliest_of_several_counts),
        TEST(what_is_due_behind_the_poll_is_left_to_it),
        TEST(orphaned_jobs_are_adopted_and_held_ones_left_alone),
        TEST(a_lost_list_is_asked_for_again),
        TEST(stopped_it_claims_nothing_and_keeps_its_heartbeat),
        TEST(a_list_that_comes_after_the_stop_adopts_nothing),
    };
    return cmocka_run_group_tests_name("worker/intake", tests, NULL, NULL);
}
