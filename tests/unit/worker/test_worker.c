/* The random wait before a stage, and a worker's name. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "worker/steps.h"
#include "worker/worker.h"

static const double ALMOST_ONE = 0.999999;

static void wait_reaches_both_bounds(void **state)
{
    (void)state;
    assert_int_equal(stage_wait_between(2000, 4000, 0), 2000);
    assert_int_equal(stage_wait_between(2000, 4000, ALMOST_ONE), 4000);
    assert_int_equal(stage_wait_between(0, 1, 0.49), 0);
    assert_int_equal(stage_wait_between(0, 1, 0.51), 1);
    assert_int_equal(stage_wait_between(0, 3600000, ALMOST_ONE), 3599997);
}

static void equal_bounds_leave_no_choice(void **state)
{
    (void)state;
    assert_int_equal(stage_wait_between(0, 0, ALMOST_ONE), 0);
    assert_int_equal(stage_wait_between(700, 700, 0), 700);
    assert_int_equal(stage_wait_between(700, 700, ALMOST_ONE), 700);
}

static void name_has_host_pid_and_chance(void **state)
{
    (void)state;
    char one[WORKER_ID_SIZE], two[WORKER_ID_SIZE];
    worker_id_new(one, "kitchen-1", 4711);
    worker_id_new(two, "kitchen-1", 4711);
    assert_memory_equal(one, "kitchen-1-4711-", 15);
    assert_string_not_equal(one, two);
}

static void name_holds_only_plain_characters(void **state)
{
    (void)state;
    static const char *const HOSTS[] = {
        "",
        "Host.Example.ORG",
        "under_score and space",
        "{s00}:*",
        "a-host-name-that-is-a-good-deal-longer-than-any-host-name-should-ever-be-in-real-life",
    };
    for (size_t i = 0; i < LENGTH(HOSTS); i++) {
        char id[WORKER_ID_SIZE];
        worker_id_new(id, HOSTS[i], INT64_MAX);
        assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(id));
        assert_in_range(strlen(id), 20, WORKER_ID_SIZE - 1);
        assert_int_equal(strrchr(id, '-') - id + 16, (int)strlen(id)); /* the chance is whole */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_reaches_both_bounds),
        cmocka_unit_test(equal_bounds_leave_no_choice),
        cmocka_unit_test(name_has_host_pid_and_chance),
        cmocka_unit_test(name_holds_only_plain_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
