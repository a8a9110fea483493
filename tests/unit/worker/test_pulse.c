/* Who may call others dead: only a worker whose own heartbeat was steady for a full TTL. */
#include "tests/unit/support/test.h"

#include "worker/pulse.h"

#define TTL_MS 9000
#define EVERY_MS (TTL_MS / 3)
#define START_MS 123456

/* Beats regularly from `from` to `to`, both included. */
static void beat(struct pulse *p, int64_t from, int64_t to)
{
    for (int64_t at = from; at <= to; at += EVERY_MS)
        pulse_beat(p, at, 0);
}

static void unsteady_before_the_first_beat(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    assert_false(pulse_is_steady(&p, START_MS));
}

static void steady_after_a_full_ttl(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    beat(&p, START_MS, START_MS + 2 * EVERY_MS);
    assert_false(pulse_is_steady(&p, START_MS + TTL_MS - 1));
    beat(&p, START_MS + TTL_MS, START_MS + TTL_MS);
    assert_true(pulse_is_steady(&p, START_MS + TTL_MS));
}

static void time_alone_does_not_count(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    pulse_beat(&p, START_MS, 0);
    assert_false(pulse_is_steady(&p, START_MS + 10 * TTL_MS));
}

static void a_failure_starts_it_anew(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    beat(&p, START_MS, START_MS + 2 * TTL_MS);
    pulse_break(&p);
    assert_false(pulse_is_steady(&p, START_MS + 2 * TTL_MS));
    beat(&p, START_MS + 2 * TTL_MS + 1, START_MS + 3 * TTL_MS);
    assert_false(pulse_is_steady(&p, START_MS + 3 * TTL_MS));
    beat(&p, START_MS + 3 * TTL_MS + 1, START_MS + 3 * TTL_MS + 1);
    assert_true(pulse_is_steady(&p, START_MS + 3 * TTL_MS + 1));
}

/* A process that was stopped sees its own clock jump: also before the next beat is due. */
static void a_gap_starts_it_anew(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    int64_t end = START_MS + 2 * TTL_MS;
    beat(&p, START_MS, end);
    assert_true(pulse_is_steady(&p, end + TTL_MS / 2));
    assert_false(pulse_is_steady(&p, end + TTL_MS / 2 + 1));
    int64_t again = end + TTL_MS / 2 + 1;
    pulse_beat(&p, again, 0);
    assert_false(pulse_is_steady(&p, again));
    beat(&p, again + EVERY_MS, again + TTL_MS);
    assert_true(pulse_is_steady(&p, again + TTL_MS));
}

/* The successor of a killed worker takes over what Redis knows; a break ends that too. */
static void what_redis_knows_counts(void **state)
{
    (void)state;
    struct pulse p = PULSE_INIT(TTL_MS);
    pulse_beat(&p, START_MS, TTL_MS - 1);
    assert_false(pulse_is_steady(&p, START_MS));
    assert_true(pulse_is_steady(&p, START_MS + 1));
    pulse_break(&p);
    assert_false(pulse_is_steady(&p, START_MS + 1));
    pulse_beat(&p, START_MS + 2, 0);
    assert_false(pulse_is_steady(&p, START_MS + 2));
    pulse_beat(&p, START_MS + 3, TTL_MS);
    assert_true(pulse_is_steady(&p, START_MS + 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsteady_before_the_first_beat),
        cmocka_unit_test(steady_after_a_full_ttl),
        cmocka_unit_test(time_alone_does_not_count),
        cmocka_unit_test(a_failure_starts_it_anew),
        cmocka_unit_test(a_gap_starts_it_anew),
        cmocka_unit_test(what_redis_knows_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
