#include "tests/unit/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static void empty_buffer_has_no_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    buf_consume(&b, 0);
    assert_null(b.data);
    buf_release(&b);
}

static void adding_nothing_makes_it_an_empty_string(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_addf(&b, "%s", ""), 0);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void maximum_is_reached_but_not_passed(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(5);
    assert_int_equal(buf_add(&b, "abc", 3), 0);
    assert_int_equal(buf_add(&b, "def", 3), -EMSGSIZE);
    assert_int_equal(buf_addf(&b, "%d", 123), -EMSGSIZE);
    assert_int_equal(b.len, 3);
    assert_string_equal(b.data, "abc");
    assert_int_equal(buf_addf(&b, "%d", 45), 0);
    assert_string_equal(b.data, "abc45");
    assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
    assert_int_equal(buf_add(&b, "", 0), 0);
    buf_release(&b);
}

static void maximum_of_zero_takes_nothing(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
    assert_int_equal(buf_add(&b, "", 0), 0);
    buf_release(&b);
}

static void absurd_length_does_not_wrap_around(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    assert_int_equal(buf_add(&b, "abc", 3), 0);
    assert_int_equal(buf_add(&b, "abc", SIZE_MAX), -EMSGSIZE);
    assert_int_equal(buf_add(&b, "abc", SIZE_MAX - 2), -EMSGSIZE);
    assert_string_equal(b.data, "abc");
    buf_release(&b);
}

static void grows_byte_by_byte_and_keeps_content(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(5000);
    for (int i = 0; i < 5000; i++) {
        char c = (char)('a' + i % 26);
        assert_int_equal(buf_add(&b, &c, 1), 0);
        assert_true(b.capacity > b.len);
        assert_int_equal(b.data[b.len], '\0');
    }
    assert_int_equal(b.len, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
    buf_release(&b);
}

static void bytes_may_hold_a_nul(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    assert_int_equal(buf_add(&b, "a\0b", 3), 0);
    assert_int_equal(buf_addf(&b, "-%c-", 'c'), 0);
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "a\0b-c-", 7);
    buf_release(&b);
}

static void consume_drops_from_the_front(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    assert_int_equal(buf_add(&b, "0123456789", 10), 0);
    buf_consume(&b, 0);
    assert_string_equal(b.data, "0123456789");
    buf_consume(&b, 4);
    assert_string_equal(b.data, "456789");
    assert_int_equal(b.len, 6);
    assert_int_equal(buf_add(&b, "abcd", 4), 0);
    assert_string_equal(b.data, "456789abcd");
    buf_consume(&b, 10);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void released_it_can_be_used_again(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    assert_int_equal(buf_add(&b, "hello", 5), 0);
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.capacity, 0);
    assert_int_equal(buf_add(&b, "again", 5), 0);
    assert_string_equal(b.data, "again");
    buf_release(&b);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_has_no_memory),
        cmocka_unit_test(adding_nothing_makes_it_an_empty_string),
        cmocka_unit_test(maximum_is_reached_but_not_passed),
        cmocka_unit_test(maximum_of_zero_takes_nothing),
        cmocka_unit_test(absurd_length_does_not_wrap_around),
        cmocka_unit_test(grows_byte_by_byte_and_keeps_content),
        cmocka_unit_test(bytes_may_hold_a_nul),
        cmocka_unit_test(consume_drops_from_the_front),
        cmocka_unit_test(released_it_can_be_used_again),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
