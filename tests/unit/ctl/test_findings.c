/* The list of findings. */
#include "tests/unit/support/test.h"

#include "ctl/findings.h"

static void test_findings(void **state)
{
    struct findings f = {0};
    struct problem place = {CHECK_PLACE, FIX_PLACE, "lost", "put it back"};
    (void)state;
    findings_report(&f, "z", CHECK_LEDGER, "captured %d times", 2);
    findings_add(&f, "b", &place);
    findings_add(&f, "a", &place);
    findings_add(&f, "b", &place);
    findings_sort(&f);
    assert_int_equal(f.n, 3);
    assert_string_equal(f.items[0].id, "a");
    assert_string_equal(f.items[1].id, "b");
    assert_string_equal(f.items[2].text, "captured 2 times");
    assert_null(f.items[2].repair);
    assert_string_equal(f.items[0].repair, "put it back");
    assert_string_equal(f.items[0].result, "found");
    findings_release(&f);
}

static void test_every_check_has_a_name(void **state)
{
    (void)state;
    for (int check = 0; check < CHECK_COUNT; check++) {
        assert_non_null(check_name((enum check)check));
        for (int other = 0; other < check; other++)
            assert_string_not_equal(check_name((enum check)check), check_name((enum check)other));
    }
}

static void test_what_is_among_them(void **state)
{
    struct findings f = {0};
    struct problem place = {CHECK_PLACE, FIX_PLACE, "lost", "put it back"};
    (void)state;
    assert_false(findings_have(&f, CHECK_PLACE));
    findings_add(&f, "a", &place);
    findings_report(&f, "a", CHECK_LEDGER, "captured twice");
    assert_true(findings_have(&f, CHECK_PLACE));
    assert_true(findings_have(&f, CHECK_LEDGER));
    assert_false(findings_have(&f, CHECK_DEAD));
    assert_true(findings_have_fix(&f, FIX_PLACE));
    assert_false(findings_have_fix(&f, FIX_COUNTS));
    findings_release(&f);
    assert_int_equal(f.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_every_check_has_a_name),
        cmocka_unit_test(test_what_is_among_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
