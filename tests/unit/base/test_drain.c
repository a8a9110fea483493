/* A server that is asked to end: when nobody is left, when its time is over, when asked twice. */
#include "tests/unit/support/test.h"

#include <ev.h>
#include <signal.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/drain.h"

static struct ev_loop *loop;
static ev_timer tick;
static size_t n_left;
static int n_stops, n_asked;

static void on_stop(void)
{
    n_stops++;
}

static size_t left(void)
{
    n_asked++;
    return n_left;
}

static const struct drain HOW = {on_stop, left, "things were left"};

static int start(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    conf.drain_ms = 60000;
    n_left = 3;
    n_stops = n_asked = 0;
    ev_init(&tick, NULL);
    drain_on_signals(loop, &HOW);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    drain_release(loop);
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
    return 0;
}

static void on_going(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)revents;
    if (--n_left == 0)
        ev_timer_stop(l, w);
}

static void it_ends_when_all_have_gone(void **state)
{
    (void)state;
    ev_timer_init(&tick, on_going, 0.03, 0.03);
    ev_timer_start(loop, &tick);
    raise(SIGTERM);
    ev_run(loop, 0);
    assert_int_equal(n_left, 0);
    assert_int_equal(n_stops, 1);
    assert_true(n_asked > 1);
}

static void it_ends_when_its_time_is_over(void **state)
{
    (void)state;
    conf.drain_ms = 100;
    int64_t began = clock_mono_ms();
    raise(SIGINT);
    ev_run(loop, 0);
    assert_int_equal(n_left, 3);
    assert_true(clock_mono_ms() - began >= 90);
}

static void on_impatience(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)l, (void)w, (void)revents;
    raise(SIGTERM);
}

static void a_second_signal_ends_it(void **state)
{
    (void)state;
    ev_timer_init(&tick, on_impatience, 0.03, 0.);
    ev_timer_start(loop, &tick);
    raise(SIGINT);
    ev_run(loop, 0);
    assert_int_equal(n_left, 3);
    assert_int_equal(n_stops, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(it_ends_when_all_have_gone),
        TEST(it_ends_when_its_time_is_over),
        TEST(a_second_signal_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
