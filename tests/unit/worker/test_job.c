/* The table of held jobs. */
#include "tests/unit/support/test.h"

#include <ev.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "tests/unit/support/worker_fixture.h"

static const char *id_of(int i)
{
    static char id[ORDER_ID_SIZE];
    snprintf(id, sizeof id, "order_00%020d", i);
    return id;
}

static void finds_what_was_added(void **state)
{
    struct worker *w = *state;
    assert_null(jobs_find(&w->jobs, id_of(1)));
    struct job *job = jobs_add(&w->jobs, id_of(1));
    assert_ptr_equal(jobs_find(&w->jobs, id_of(1)), job);
    assert_null(jobs_find(&w->jobs, id_of(2)));
    assert_int_equal(job->state, JOB_CLAIMED);
    assert_ptr_equal(job->worker, w);
    assert_string_equal(job->id, id_of(1));
}

static void forgets_what_was_closed(void **state)
{
    struct worker *w = *state;
    struct job *job = jobs_add(&w->jobs, id_of(1));
    job_set_state(job, JOB_STEPPING);
    job_close(job);
    assert_null(jobs_find(&w->jobs, id_of(1)));
    assert_int_equal(w->jobs.n, 0);
    job_close(job); /* harmless */
    assert_int_equal(w->jobs.n, 0);
}

static void a_job_begins_clean_in_used_memory(void **state)
{
    struct worker *w = *state;
    struct job *old = jobs_add(&w->jobs, id_of(1));
    old->is_claimed_again = 1;
    old->begun.epoch = 7;
    strcpy(old->begun.payment_key, "pay_old");
    job_close(old);
    struct job *job = jobs_add(&w->jobs, id_of(2));
    assert_ptr_equal(job, old); /* else this test shows nothing */
    assert_int_equal(job->state, JOB_CLAIMED);
    assert_int_equal(job->is_claimed_again, 0);
    assert_int_equal(job->begun.epoch, 0);
    assert_string_equal(job->begun.payment_key, "");
}

static void holds_more_than_expected(void **state)
{
    struct worker *w = *state;
    for (int i = 0; i < 5000; i++)
        assert_non_null(jobs_add(&w->jobs, id_of(i)));
    assert_int_equal(w->jobs.n, 5000);
    assert_int_equal(metric_values[M_HELD], 5000);
    for (int i = 0; i < 5000; i += 2)
        job_close(jobs_find(&w->jobs, id_of(i)));
    for (int i = 0; i < 5000; i++)
        assert_int_equal(jobs_find(&w->jobs, id_of(i)) != NULL, i % 2);
    jobs_close_all(&w->jobs);
    assert_int_equal(w->jobs.n, 0);
    assert_int_equal(metric_values[M_HELD], 0);
}

static void refuses_an_id_that_is_too_long(void **state)
{
    struct worker *w = *state;
    char id[200];
    memset(id, 'a', sizeof id);
    id[ORDER_ID_SIZE] = '\0';
    assert_null(jobs_add(&w->jobs, id));
    id[ORDER_ID_SIZE - 1] = '\0';
    assert_non_null(jobs_add(&w->jobs, id));
    assert_null(jobs_find(&w->jobs, ""));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)timer, (void)revents;
    fail_msg("the timer of a closed job fired");
}

static void closing_stops_its_timers(void **state)
{
    struct worker *w = *state;
    struct job *job = jobs_add(&w->jobs, id_of(1));
    ev_timer_init(&job->timer, on_timer, 0.001, 0.);
    ev_timer_start(w->loop, &job->timer);
    job_close(job);
    assert_false(ev_is_active(&job->timer));
    ev_run(w->loop, 0); /* nothing is left to wait for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, worker_fixture_setup, worker_fixture_teardown)
        TEST(finds_what_was_added),
        TEST(forgets_what_was_closed),
        TEST(a_job_begins_clean_in_used_memory),
        TEST(holds_more_than_expected),
        TEST(refuses_an_id_that_is_too_long),
        TEST(closing_stops_its_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
