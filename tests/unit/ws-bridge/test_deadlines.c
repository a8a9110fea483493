/* Many deadlines with one timer: which fire, in which order, and what may be done to them then. */
#include "tests/unit/support/test.h"

#include <ev.h>

#include "ws-bridge/deadlines.h"

enum { AT_ONCE, SOON, NEVER };
#define NEVER_MS 3600000

static struct ev_loop *loop;
static struct deadlines all;
static struct deadline d[4];
static size_t fired[8]; /* indices into d */
static size_t n_fired;
static void (*then)(struct deadline *d);

static void on_due(struct deadline *due)
{
    assert_false(due->is_set);
    assert_true(n_fired < LENGTH(fired));
    fired[n_fired++] = (size_t)(due - d);
    if (then)
        then(due);
}

static int start(void **state)
{
    static const int AFTER_MS[DEADLINES_KINDS] = {
        [AT_ONCE] = 0, [SOON] = 1, [NEVER] = NEVER_MS, [NEVER + 1] = NEVER_MS};
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    for (size_t i = 0; i < LENGTH(d); i++)
        d[i] = (struct deadline){.is_set = 0};
    n_fired = 0;
    then = NULL;
    deadlines_start(&all, loop, AFTER_MS, on_due);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    deadlines_stop(&all);
    ev_loop_destroy(loop);
    return 0;
}

/* Turns until so many have fired in all. */
static void turn_until(size_t n)
{
    while (n_fired < n)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(n_fired, n);
}

static void those_of_a_kind_fire_as_they_were_set(void **state)
{
    (void)state;
    deadline_set(&all, &d[3], NEVER);
    deadline_set(&all, &d[2], AT_ONCE);
    deadline_set(&all, &d[0], AT_ONCE);
    deadline_set(&all, &d[1], AT_ONCE);
    turn_until(3);
    assert_int_equal(fired[0], 2);
    assert_int_equal(fired[1], 0);
    assert_int_equal(fired[2], 1);
    assert_true(d[3].is_set);
    assert_ptr_equal(deadlines_any(&all), &d[3]);
}

static void set_again_it_is_the_last(void **state)
{
    (void)state;
    deadline_set(&all, &d[0], AT_ONCE);
    deadline_set(&all, &d[1], AT_ONCE);
    deadline_set(&all, &d[0], AT_ONCE);
    turn_until(2);
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 0);
    assert_null(deadlines_any(&all));
}

static void set_for_something_else_it_waits_for_that(void **state)
{
    (void)state;
    deadline_set(&all, &d[0], AT_ONCE);
    deadline_set(&all, &d[0], NEVER);
    deadline_set(&all, &d[1], NEVER);
    deadline_set(&all, &d[1], SOON);
    turn_until(1);
    assert_int_equal(fired[0], 1);
    assert_int_equal(d[0].kind, NEVER);
}

static void cleared_it_does_not_fire(void **state)
{
    (void)state;
    deadline_clear(&all, &d[0]); /* was never set */
    deadline_set(&all, &d[0], AT_ONCE);
    deadline_set(&all, &d[1], AT_ONCE);
    deadline_clear(&all, &d[0]);
    deadline_clear(&all, &d[0]);
    turn_until(1);
    assert_int_equal(fired[0], 1);
}

/* What a client does: the one is set for something else, the other goes, and a third with it. */
static void clear_third(struct deadline *due)
{
    if (due == &d[0])
        deadline_set(&all, due, NEVER);
    else
        deadline_clear(&all, &d[2]);
}

static void they_may_be_changed_as_they_fire(void **state)
{
    (void)state;
    then = clear_third;
    for (size_t i = 0; i < 4; i++)
        deadline_set(&all, &d[i], AT_ONCE);
    turn_until(3);
    assert_int_equal(fired[1], 1);
    assert_int_equal(fired[2], 3);
    assert_ptr_equal(deadlines_any(&all), &d[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(those_of_a_kind_fire_as_they_were_set),    TEST(set_again_it_is_the_last),
        TEST(set_for_something_else_it_waits_for_that), TEST(cleared_it_does_not_fire),
        TEST(they_may_be_changed_as_they_fire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
