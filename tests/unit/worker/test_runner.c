/* One job, step by step, by what Redis answers. The work of the steps is left out. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "base/metrics.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define ID FIXTURE_ID
#define TOO_LONG "order_00abcdefghijklmnopqrstuvwxyz234567"

/* Commands that are not of this job would show here too. */
static void expect_sent(const char *name)
{
    fixture_turn();
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_int_equal(fake_rds_waiting(name), 1);
}

/* The job was dropped, nothing more is sent; n_unsure of such ends were unsure. */
static void expect_dropped(const struct worker *w, size_t n_unsure)
{
    fixture_turn();
    assert_null(jobs_find(&w->jobs, ID));
    assert_int_equal(w->jobs.n, 0);
    assert_int_equal(w->n_unsure, n_unsure);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

/* fail was sent under the epoch, with this reason. */
static void expect_fail(int64_t epoch, int tries_allowed, const char *reason)
{
    expect_sent("fail");
    assert_string_equal(fake_rds_arg("fail", 0), ID);
    assert_int_equal(fake_rds_arg_int("fail", 1), epoch);
    assert_int_equal(fake_rds_arg_int("fail", 3), tries_allowed);
    assert_string_equal(fake_rds_arg("fail", 4), reason);
}

/* ---- begin ----------------------------------------------------------------------------------- */

static void a_claimed_job_begins_and_runs_its_step(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    expect_sent("begin_jobs");
    assert_string_equal(fake_rds_arg("begin_jobs", 0), ID);
    assert_int_equal(fixture_seen.n_steps, 0);
    fixture_answer_job("begin_jobs", fixture_begun("quality_check", 3, "cancelled", "pay_x"));
    assert_int_equal(fixture_seen.n_steps, 1);
    const struct job_begun *begun = &fixture_seen.job->begun;
    assert_int_equal(begun->epoch, 7);
    assert_int_equal(begun->step, STEP_QUALITY_CHECK);
    assert_int_equal(begun->tries, 3);
    assert_true(begun->is_cancelled);
    assert_string_equal(begun->payment_key, "pay_x");
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

static void a_stale_job_is_dropped(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", reply_words("gone"));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_steps, 0);
}

static void a_job_that_begin_has_buried_is_dropped(void **state)
{
    struct worker *w = *state;
    int64_t dead = metric_values[M_DEAD];
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", reply_words("dead", "its payment is too old"));
    expect_dropped(w, 0);
    assert_int_equal(metric_values[M_DEAD], dead + 1);
}

static void a_step_that_is_not_known_fails(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", fixture_begun("frobnicate", 2, "placed", ""));
    expect_fail(7, 8, "a step or a field that this version does not know");
    assert_in_range(fake_rds_arg_int("fail", 2), 2000, 4000); /* the tries were read all the same */
    assert_int_equal(fixture_seen.n_steps, 0);
}

static void without_an_answer_to_begin_the_outcome_is_unsure(void **state)
{
    static const enum rds_outcome OUTCOMES[] = {RDS_LOST, RDS_TIMEOUT, RDS_UNSENT, RDS_ERROR};
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(OUTCOMES); i++) {
        runner_claimed(w, ID);
        fixture_fail_job("begin_jobs", OUTCOMES[i], "ERR of any kind");
        expect_dropped(w, i + 1);
    }
}

static void what_is_no_id_of_ours_is_left_alone(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, TOO_LONG);
    expect_dropped(w, 0);
}

/* ---- step ------------------------------------------------------------------------------------ */

static void a_held_job_goes_straight_on_under_its_epoch(void **state)
{
    struct worker *w = *state;
    struct job *job = fixture_job_at(w, "payment");
    job->begun.tries = 5;
    int64_t steps = metric_values[M_STEPS];
    runner_step(job, "ok", 0);
    expect_sent("step_jobs");
    assert_string_equal(fake_rds_arg("step_jobs", 1), ID);
    assert_int_equal(fake_rds_arg_int("step_jobs", 2), 7);
    assert_string_equal(fake_rds_arg("step_jobs", 3), "payment");
    assert_string_equal(fake_rds_arg("step_jobs", 4), "ok");
    assert_int_equal(fake_rds_arg_int("step_jobs", 5), 0);
    fixture_answer_job("step_jobs", reply_words("held", "paid", "kitchen"));
    assert_int_equal(fixture_seen.n_steps, 2);
    assert_int_equal(job->begun.step, STEP_KITCHEN);
    assert_int_equal(job->begun.tries, 0); /* they are counted by step */
    assert_int_equal(metric_values[M_STEPS], steps + 1);
    runner_step(job, "ok", 2500);
    fixture_turn();
    assert_int_equal(fake_rds_arg_int("step_jobs", 2), 7);
    assert_int_equal(fake_rds_arg_int("step_jobs", 5), 2500);
}

static void a_delayed_job_leaves_and_intake_is_told_when_it_is_due(void **state)
{
    struct worker *w = *state;
    runner_step(fixture_job_at(w, "kitchen"), "ok", 2500);
    assert_int_equal(fixture_seen.n_delayed, 0);
    fixture_answer_job("step_jobs", reply_words("delayed", "preparing_food", "preparing_food"));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_delayed, 1);
    assert_int_equal(fixture_seen.delay_ms, 2500);
}

static void a_settled_job_leaves(void **state)
{
    struct worker *w = *state;
    runner_step(fixture_job_at(w, "delivered"), "ok", 0);
    fixture_answer_job("step_jobs", reply_words("settled", "delivered"));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_delayed, 0);
}

static void a_fenced_step_drops_the_job(void **state)
{
    struct worker *w = *state;
    int64_t fenced = metric_values[M_FENCED];
    runner_step(fixture_job_at(w, "payment"), "ok", 0);
    fixture_answer_job("step_jobs", reply_words("fenced"));
    expect_dropped(w, 0);
    assert_int_equal(metric_values[M_FENCED], fenced + 1);
    assert_int_equal(fixture_seen.n_steps, 1);
}

static void a_malformed_answer_to_step_fails_it(void **state)
{
    struct redisReply *const ANSWERS[] = {reply_nil(), reply_words("held", "paid", "no_step"),
                                          reply_words("done"), reply_int(1)};
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(ANSWERS); i++) {
        runner_step(fixture_job_at(w, "payment"), "ok", 0);
        fixture_answer_job("step_jobs", ANSWERS[i]);
        expect_fail(7, 8, "malformed answer to step");
        fake_rds_answer("fail", reply_array(2, reply_text("delayed"), reply_int(1)));
        expect_dropped(w, 0);
    }
}

static void an_error_of_step_fails_it_with_redis_words(void **state)
{
    struct worker *w = *state;
    runner_step(fixture_job_at(w, "payment"), "ok", 0);
    fixture_fail_job("step_jobs", RDS_ERROR, "ERR tiffin: no such step");
    expect_fail(7, 8, "ERR tiffin: no such step");
    fake_rds_answer("fail", reply_words("fenced"));
    runner_step(fixture_job_at(w, "payment"), "ok", 0);
    fixture_answer_job("step_jobs", reply_words("error", "TIFFIN step is kitchen, not payment"));
    expect_fail(7, 8, "TIFFIN step is kitchen, not payment");
}

static void without_an_answer_to_step_the_outcome_is_unsure(void **state)
{
    static const enum rds_outcome OUTCOMES[] = {RDS_LOST, RDS_TIMEOUT, RDS_UNSENT};
    struct worker *w = *state;
    size_t i = 0;
    for (; i < LENGTH(OUTCOMES); i++) {
        runner_step(fixture_job_at(w, "payment"), "ok", 0);
        fixture_fail_job("step_jobs", OUTCOMES[i], "gone");
        expect_dropped(w, i + 1);
    }
    runner_step(fixture_job_at(w, "payment"), "ok", 0);
    fixture_fail_job("step_jobs", RDS_ERROR,
                     "OOM command not allowed"); /* Redis cannot serve now */
    expect_dropped(w, i + 1);
}

/* ---- fail ------------------------------------------------------------------------------------ */

static void a_failed_step_is_retried_later(void **state)
{
    struct worker *w = *state;
    int64_t retries = metric_values[M_RETRIES];
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    expect_fail(7, 8, "no answer");
    int64_t wait_ms = fake_rds_arg_int("fail", 2);
    assert_in_range(wait_ms, 500, 1000);
    fake_rds_answer("fail", reply_array(2, reply_text("delayed"), reply_int(1)));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_delayed, 1);
    assert_int_equal(fixture_seen.delay_ms, wait_ms);
    assert_int_equal(metric_values[M_RETRIES], retries + 1);
}

static void after_its_last_try_it_is_a_dead_letter(void **state)
{
    struct worker *w = *state;
    int64_t dead = metric_values[M_DEAD];
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    fake_rds_answer("fail", reply_array(2, reply_text("dead"), reply_int(8)));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_delayed, 0);
    assert_int_equal(metric_values[M_DEAD], dead + 1);
}

static void a_dead_letter_at_once_is_allowed_one_try(void **state)
{
    runner_dead_letter(fixture_job_at(*state, "refund"), "look into the books");
    expect_fail(7, 1, "look into the books");
}

static void a_long_reason_is_cut(void **state)
{
    char reason[REASON_SIZE + 50];
    memset(reason, 'x', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    runner_fail(fixture_job_at(*state, "payment"), reason);
    assert_int_equal(strlen(fake_rds_arg("fail", 4)), REASON_SIZE - 1);
}

static void a_fenced_fail_drops_the_job(void **state)
{
    struct worker *w = *state;
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    fake_rds_answer("fail", reply_words("fenced"));
    expect_dropped(w, 0);
    assert_int_equal(fixture_seen.n_delayed, 0);
}

/* fail is never failed: that would have no end. */
static void a_fail_that_is_refused_or_malformed_is_unsure(void **state)
{
    struct worker *w = *state;
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    fake_rds_fail("fail", RDS_ERROR, "ERR tiffin: no such job");
    expect_dropped(w, 1);
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    fake_rds_answer("fail", reply_words("frobnicated"));
    expect_dropped(w, 2);
    runner_fail(fixture_job_at(w, "payment"), "no answer");
    fake_rds_fail("fail", RDS_LOST, "gone");
    expect_dropped(w, 3);
}

/* ---- claimed again --------------------------------------------------------------------------- */

/* We were taken for dead, the job was requeued and taken by us again: while an old command of it
 * is under way, its answer decides. */
static void claimed_again_while_it_begins(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    expect_sent("begin_jobs");
    runner_claimed(w, ID);
    expect_sent("begin_jobs");
    fixture_answer_job("begin_jobs",
                       reply_words("gone")); /* it was executed between the two claims */
    expect_sent("begin_jobs");
    fixture_answer_job("begin_jobs", reply_words("gone")); /* and now it is really gone */
    expect_dropped(w, 0);
}

static void claimed_again_while_a_write_is_under_way(void **state)
{
    static const char *const WRITES[] = {"step_jobs", "fail"};
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(WRITES); i++) {
        struct job *job = fixture_job_at(w, "payment");
        if (i == 0)
            runner_step(job, "ok", 0);
        else
            runner_fail(job, "no answer");
        runner_claimed(w, ID);
        expect_sent(WRITES[i]);
        if (i == 0)
            fixture_answer_job(WRITES[i], reply_words("fenced"));
        else
            fake_rds_answer(WRITES[i], reply_words("fenced"));
        expect_sent("begin_jobs");
        assert_int_equal(w->jobs.n, 1);
        fixture_answer_job("begin_jobs", fixture_begun("payment", 0, "placed", ""));
        job_close(job);
    }
    assert_int_equal(fixture_seen.n_steps, 4);
}

static void claimed_again_and_the_old_write_was_accepted(void **state)
{
    struct worker *w = *state;
    struct job *job = fixture_job_at(w, "payment");
    runner_step(job, "ok", 0);
    runner_claimed(w, ID);
    fixture_answer_job("step_jobs", reply_words("held", "paid", "kitchen"));
    assert_int_equal(fixture_seen.n_steps, 2); /* it goes on */
    assert_int_equal(fake_rds_waiting(NULL), 0);
    runner_step(job, "ok", 0);
    fixture_answer_job("step_jobs",
                       reply_words("fenced")); /* the claim came in between after all */
    expect_sent("begin_jobs");
}

static void claimed_again_while_the_world_works_begins_anew(void **state)
{
    struct worker *w = *state;
    struct job *job = fixture_job_at(w, "payment");
    assert_int_equal(job->state, JOB_CALLING);
    runner_claimed(w, ID);
    expect_sent("begin_jobs");
    assert_ptr_equal(jobs_find(&w->jobs, ID), job);
    assert_int_equal(w->jobs.n, 1);
}

static void a_late_answer_to_a_closed_job_is_not_heard(void **state)
{
    struct worker *w = *state;
    struct job *job = fixture_job_at(w, "payment");
    runner_step(job, "ok", 0);
    fixture_turn();
    job_close(job);
    runner_claimed(w, "order_00zzzzzzzzzzzzzzzzzzzz"); /* in the same memory */
    assert_ptr_equal(jobs_find(&w->jobs, "order_00zzzzzzzzzzzzzzzzzzzz"), job);
    fixture_answer_job("step_jobs", reply_words("fenced"));
    assert_int_equal(w->jobs.n, 1);
    expect_sent("begin_jobs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, worker_fixture_setup, worker_fixture_teardown)
        TEST(a_claimed_job_begins_and_runs_its_step),
        TEST(a_stale_job_is_dropped),
        TEST(a_job_that_begin_has_buried_is_dropped),
        TEST(a_step_that_is_not_known_fails),
        TEST(without_an_answer_to_begin_the_outcome_is_unsure),
        TEST(what_is_no_id_of_ours_is_left_alone),
        TEST(a_held_job_goes_straight_on_under_its_epoch),
        TEST(a_delayed_job_leaves_and_intake_is_told_when_it_is_due),
        TEST(a_settled_job_leaves),
        TEST(a_fenced_step_drops_the_job),
        TEST(a_malformed_answer_to_step_fails_it),
        TEST(an_error_of_step_fails_it_with_redis_words),
        TEST(without_an_answer_to_step_the_outcome_is_unsure),
        TEST(a_failed_step_is_retried_later),
        TEST(after_its_last_try_it_is_a_dead_letter),
        TEST(a_dead_letter_at_once_is_allowed_one_try),
        TEST(a_long_reason_is_cut),
        TEST(a_fenced_fail_drops_the_job),
        TEST(a_fail_that_is_refused_or_malformed_is_unsure),
        TEST(claimed_again_while_it_begins),
        TEST(claimed_again_while_a_write_is_under_way),
        TEST(claimed_again_and_the_old_write_was_accepted),
        TEST(claimed_again_while_the_world_works_begins_anew),
        TEST(a_late_answer_to_a_closed_job_is_not_heard),
    };
    return cmocka_run_group_tests_name("worker/runner", tests, NULL, NULL);
}
