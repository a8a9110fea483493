/* Where in the queue an id is. */
#include "tests/unit/support/test.h"

#include "ctl/queue_index.h"

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
    assert_int_equal(snapshot.n_at[AT_READY], 2);
    assert_int_equal(snapshot.n_at[AT_DEAD], 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_of_an_id),
        cmocka_unit_test(test_an_empty_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
