/* What INFO memory says, and when it is too much. */
#include "tests/unit/support/test.h"

#include <errno.h>

#include "order/memory.h"

static void info_is_read(void **state)
{
    (void)state;
    struct memory m;
    assert_int_equal(memory_parse("# Memory\r\nused_memory:1418984\r\nused_memory_human:1.35M\r\n"
                                  "used_memory_peak:9999999\r\nmaxmemory:16777216\r\n"
                                  "maxmemory_human:16.00M\r\n",
                                  &m),
                     0);
    assert_int_equal(m.used_bytes, 1418984);
    assert_int_equal(m.max_bytes, 16777216);
}

static void nonsense_leaves_the_figures_alone(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "# Memory\r\n",
        "# Memory\r\nused_memory:1\r\n",
        "# Memory\r\nmaxmemory:1\r\n",
        "# Memory\r\nused_memory:\r\nmaxmemory:1\r\n",
        "# Memory\r\nused_memory:-1\r\nmaxmemory:1\r\n",
        "used_memory:1\r\nmaxmemory:x\r\n",
    };
    struct memory m = {7, 8};
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        assert_int_equal(memory_parse(TEXTS[i], &m), -EPROTO);
    assert_int_equal(memory_parse(NULL, &m), -EPROTO);
    assert_int_equal(m.used_bytes, 7);
    assert_int_equal(m.max_bytes, 8);
}

static void over_is_more_than_the_part(void **state)
{
    (void)state;
    struct memory m = {600, 1000};
    assert_false(memory_is_over(&m, 60));
    m.used_bytes = 601;
    assert_true(memory_is_over(&m, 60));
    assert_false(memory_is_over(&m, 80));
    m = (struct memory){INT64_C(1) << 50, INT64_C(1) << 50}; /* a petabyte */
    assert_true(memory_is_over(&m, 80));
}

static void without_a_limit_nothing_is_too_much(void **state)
{
    (void)state;
    struct memory m = {INT64_C(1) << 50, 0};
    assert_false(memory_is_over(&m, 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_is_read),
        cmocka_unit_test(nonsense_leaves_the_figures_alone),
        cmocka_unit_test(over_is_more_than_the_part),
        cmocka_unit_test(without_a_limit_nothing_is_too_much),
    };
    return cmocka_run_group_tests_name("order/memory", tests, NULL, NULL);
}
