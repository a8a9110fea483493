/* The set of workers' names. */
#include "tests/unit/support/test.h"

#include <stdio.h>

#include "ctl/names.h"

static void test_names(void **state)
{
    struct names names = {0};
    (void)state;
    names_add(&names, "w1");
    names_add(&names, "w2");
    names_add(&names, "w1");
    assert_int_equal(names.n, 2);
    names_release(&names);
    assert_int_equal(names.n, 0);
}

static void test_many_names_are_sorted(void **state)
{
    struct names names = {0};
    (void)state;
    for (int i = 99; i >= 0; i--) {
        char name[8];
        snprintf(name, sizeof name, "w%02d", i);
        names_add(&names, name);
    }
    names_sort(&names);
    struct id_list ids = names_ids(&names);
    assert_int_equal(ids.n, 100);
    assert_string_equal(ids.items[0], "w00");
    assert_string_equal(ids.items[57], "w57");
    assert_string_equal(ids.items[99], "w99");
    assert_true(names_contain(&names, "w42"));
    assert_false(names_contain(&names, "w4"));
    names_release(&names);
    names_sort(&names);
    assert_int_equal(names_ids(&names).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_names_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
