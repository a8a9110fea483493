/* Which jobs go out in one call, and to whom its answer goes. */
#include "tests/unit/support/test.h"

#include <stdio.h>

#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define MANY (2 * BATCH_MAX + 3)

static struct job *jobs[MANY];
static int n_answers[MANY];
static enum rds_outcome last_outcome;
static const char *last_text;

static void on_answer(void *arg, const struct rds_result *result)
{
    struct job *job = arg;
    job->batched = NULL;
    for (int i = 0; i < MANY; i++)
        n_answers[i] += jobs[i] == job;
    last_outcome = result->outcome;
    last_text = result->outcome == RDS_OK ? store_word(result->reply) : result->text;
}

/* n jobs, each with its begin in the outbox. */
static void add(struct worker *w, int n)
{
    for (int i = 0; i < MANY; i++) {
        jobs[i] = NULL;
        n_answers[i] = 0;
    }
    for (int i = 0; i < n; i++) {
        char id[ORDER_ID_SIZE];
        snprintf(id, sizeof id, "order_00%020d", i);
        jobs[i] = jobs_add(&w->jobs, id);
        outbox_begin(jobs[i], on_answer);
    }
}

static void what_is_due_in_a_turn_is_one_call(void **state)
{
    struct worker *w = *state;
    add(w, 3);
    struct job *other = jobs_add(&w->jobs, FIXTURE_ID);
    other->result = "ok";
    outbox_step(other, on_answer);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    outbox_turn(w);
    assert_int_equal(fake_rds_waiting("begin_jobs"), 1);
    assert_int_equal(fake_rds_waiting("step_jobs"), 1);
    assert_string_equal(fake_rds_arg("begin_jobs", 0), jobs[0]->id);
    assert_string_equal(fake_rds_arg("begin_jobs", 4), jobs[2]->id);
    assert_string_equal(fake_rds_arg("begin_jobs", 6), "");
    outbox_turn(w); /* nothing new */
    assert_int_equal(fake_rds_waiting(NULL), 2);
}

static void a_call_is_bounded(void **state)
{
    struct worker *w = *state;
    add(w, MANY);
    outbox_turn(w);
    assert_int_equal(fake_rds_waiting("begin_jobs"), 3);
    assert_string_not_equal(fake_rds_key("begin_jobs", 3 + BATCH_MAX - 1), "");
    assert_string_equal(fake_rds_key("begin_jobs", 3 + BATCH_MAX), "");
    for (int i = 0; i < 3; i++)
        fake_rds_fail("begin_jobs", RDS_LOST, "gone");
    for (int i = 0; i < MANY; i++)
        assert_int_equal(n_answers[i], 1);
}

static void a_bound_lets_calls_wait_for_an_answer(void **state)
{
    struct worker *w = *state;
    outbox_bound(w, 1);
    add(w, MANY);
    outbox_turn(w);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fake_rds_waiting("begin_jobs"), 1);
        assert_string_equal(fake_rds_arg("begin_jobs", 0), jobs[i * BATCH_MAX]->id);
        fake_rds_fail("begin_jobs", RDS_LOST, "gone");
        assert_int_equal(fake_rds_waiting("begin_jobs"), 0);
        outbox_turn(w);
    }
    assert_int_equal(fake_rds_waiting("begin_jobs"), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(n_answers[i], 1);
}

static void each_job_has_its_own_part_of_the_answer(void **state)
{
    struct worker *w = *state;
    add(w, 2);
    outbox_turn(w);
    fake_rds_answer("begin_jobs",
                    reply_array(2, reply_words("gone"), reply_words("error", "no such job")));
    assert_int_equal(n_answers[0] + n_answers[1], 2);
    assert_int_equal(last_outcome, RDS_ERROR);
    assert_string_equal(last_text, "no such job");
}

static void a_job_without_its_part_gets_no_word(void **state)
{
    struct worker *w = *state;
    add(w, 2);
    outbox_turn(w);
    fake_rds_answer("begin_jobs", reply_array(1, reply_words("gone")));
    assert_int_equal(n_answers[1], 1);
    assert_int_equal(last_outcome, RDS_OK);
    assert_string_equal(last_text, "");
}

static void a_loss_is_told_to_each(void **state)
{
    struct worker *w = *state;
    add(w, 2);
    outbox_turn(w);
    fake_rds_fail("begin_jobs", RDS_TIMEOUT, "Redis does not answer");
    assert_int_equal(n_answers[0] + n_answers[1], 2);
    assert_int_equal(last_outcome, RDS_TIMEOUT);
    assert_string_equal(last_text, "Redis does not answer");
}

static void what_is_forgotten_before_the_turn_is_not_sent(void **state)
{
    struct worker *w = *state;
    add(w, 3);
    job_close(jobs[1]);
    outbox_turn(w);
    assert_string_equal(fake_rds_arg("begin_jobs", 2), jobs[2]->id);
    job_close(jobs[0]); /* this one was sent */
    fake_rds_answer("begin_jobs", reply_array(2, reply_words("gone"), reply_words("begun")));
    assert_int_equal(n_answers[0] + n_answers[1], 0);
    assert_int_equal(n_answers[2], 1);
    assert_string_equal(last_text, "begun");
}

static void nothing_is_sent_when_all_are_forgotten(void **state)
{
    struct worker *w = *state;
    add(w, 2);
    jobs_close_all(&w->jobs);
    outbox_turn(w);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, worker_fixture_setup, worker_fixture_teardown)
        TEST(what_is_due_in_a_turn_is_one_call),
        TEST(a_call_is_bounded),
        TEST(a_bound_lets_calls_wait_for_an_answer),
        TEST(each_job_has_its_own_part_of_the_answer),
        TEST(a_job_without_its_part_gets_no_word),
        TEST(a_loss_is_told_to_each),
        TEST(what_is_forgotten_before_the_turn_is_not_sent),
        TEST(nothing_is_sent_when_all_are_forgotten),
    };
    return cmocka_run_group_tests_name("worker/outbox", tests, NULL, NULL);
}
