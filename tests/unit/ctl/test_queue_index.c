/* Who stands where, and the list of findings. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "ctl/fsck.h"
#include "ctl/job_snapshot.h"

static void test_places_of_an_id(void **state)
{
    struct queue_index s = {0};
    (void)state;
    queue_index_add(&s, "b", AT_READY);
    queue_index_add(&s, "a", AT_DELAYED);
    queue_index_add(&s, "b", AT_READY);
    queue_index_add(&s, "a", AT_DELAYED); /* ZSCAN said it twice */
    queue_index_add(&s, "b", AT_DEAD);
    queue_index_add(&s, "c", AT_ORPHANED);
    queue_index_sort(&s);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.n_at[AT_READY], 2);
    assert_int_equal(s.n_at[AT_DELAYED], 1);

    struct job_snapshot snapshot = {.id = "b"};
    queue_index_fill(&s, &snapshot);
    assert_int_equal(snapshot.n_ready, 2);
    assert_int_equal(snapshot.n_dead, 1);
    assert_int_equal(snapshot_n_places(&snapshot), 3);
    assert_string_equal(snapshot_place(&snapshot), "several");
    snapshot = (struct job_snapshot){.id = "a"};
    queue_index_fill(&s, &snapshot);
    assert_string_equal(snapshot_place(&snapshot), "delayed");
    snapshot = (struct job_snapshot){.id = "bb"};
    queue_index_fill(&s, &snapshot);
    assert_string_equal(snapshot_place(&snapshot), "nowhere");

    size_t n_unknown = 0;
    for (size_t i = 0; i < s.n; i++)
        n_unknown += !s.items[i].is_known;
    assert_int_equal(n_unknown, 1); /* c */
    queue_index_release(&s);
}

static void test_an_empty_queue(void **state)
{
    struct queue_index s = {0};
    struct job_snapshot snapshot = {.id = "a"};
    (void)state;
    queue_index_sort(&s);
    queue_index_fill(&s, &snapshot);
    assert_int_equal(snapshot_n_places(&snapshot), 0);
    queue_index_release(&s);
}

static void test_findings(void **state)
{
    struct findings f = {NULL, 0, 0};
    struct problem place = {CHECK_PLACE, FIX_PLACE, "lost", "put it back"};
    (void)state;
    findings_say(&f, "z", CHECK_LEDGER, "captured %d times", 2);
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

static void test_names(void **state)
{
    struct names names = {NULL, 0, 0};
    (void)state;
    names_add(&names, "w1");
    names_add(&names, "w2");
    names_add(&names, "w1");
    assert_int_equal(names.n, 2);
    names_release(&names);
    assert_int_equal(names.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_of_an_id), cmocka_unit_test(test_an_empty_queue),
        cmocka_unit_test(test_findings),        cmocka_unit_test(test_every_check_has_a_name),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
