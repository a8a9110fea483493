/* Comings and goings: the first at once, what follows within the window as one line. Upstream is a
 * list here: what is told it stands in it. */
#include "tests/unit/support/test.h"

#include <ev.h>

#include "base/conf.h"
#include "tests/unit/support/wait.h"
#include "ws-bridge/announce.h"
#include "ws-bridge/upstream.h"

#define TOLD_MAX 16

static struct ev_loop *loop;
static struct {
    enum chat_kind kind;
    int64_t n;
} told[TOLD_MAX];
static size_t n_told;

void upstream_announce(enum chat_kind kind, int64_t n)
{
    assert_true(n_told < TOLD_MAX);
    told[n_told].kind = kind;
    told[n_told++].n = n;
}

static void expect(size_t i, enum chat_kind kind, int64_t n)
{
    assert_true(i < n_told);
    assert_int_equal(told[i].kind, kind);
    assert_int_equal(told[i].n, n);
}

/* Turns the loop until so many lines were told; false when nothing is to come. */
static int turn_until(size_t n)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    while (n_told < n && clock_mono_ms() < end)
        if (!ev_run(loop, EVRUN_ONCE))
            break;
    return n_told >= n;
}

static int start(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    conf.chat_announce = 1;
    n_told = 0;
    announce_start(loop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    announce_stop();
    ev_loop_destroy(loop);
    return 0;
}

static void the_first_at_once_the_others_in_one(void **state)
{
    (void)state;
    for (int i = 0; i < 13; i++)
        announce(CHAT_JOIN);
    assert_int_equal(n_told, 1);
    expect(0, CHAT_JOIN, 1);
    assert_true(turn_until(2));
    expect(1, CHAT_JOIN, 12);
    announce(CHAT_JOIN); /* the window began again */
    assert_int_equal(n_told, 2);
    assert_true(turn_until(3));
    expect(2, CHAT_JOIN, 1);
}

static void after_a_quiet_window_at_once_again(void **state)
{
    (void)state;
    announce(CHAT_LEAVE);
    assert_false(turn_until(2)); /* the timer has stopped: the loop has nothing left to do */
    announce(CHAT_LEAVE);
    assert_int_equal(n_told, 2);
    expect(1, CHAT_LEAVE, 1);
}

static void comings_and_goings_apart(void **state)
{
    (void)state;
    announce(CHAT_JOIN);
    announce(CHAT_LEAVE);
    assert_int_equal(n_told, 2);
    announce(CHAT_LEAVE);
    announce(CHAT_JOIN);
    announce(CHAT_JOIN);
    assert_true(turn_until(4));
    expect(2, told[2].kind, told[2].kind == CHAT_JOIN ? 2 : 1);
    expect(3, told[3].kind, told[3].kind == CHAT_JOIN ? 2 : 1);
    assert_int_not_equal(told[2].kind, told[3].kind);
}

static void at_the_end_nothing_is_left(void **state)
{
    (void)state;
    announce_flush();
    assert_int_equal(n_told, 0);
    for (int i = 0; i < 4; i++)
        announce(CHAT_LEAVE);
    announce_flush();
    assert_int_equal(n_told, 2);
    expect(1, CHAT_LEAVE, 3);
    announce_flush();
    assert_int_equal(n_told, 2);
}

static void where_nothing_is_announced(void **state)
{
    (void)state;
    conf.chat_announce = 0;
    announce(CHAT_JOIN);
    announce(CHAT_LEAVE);
    announce_flush();
    assert_false(turn_until(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(the_first_at_once_the_others_in_one),
        TEST(after_a_quiet_window_at_once_again),
        TEST(comings_and_goings_apart),
        TEST(at_the_end_nothing_is_left),
        TEST(where_nothing_is_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
