/* The small things done to strings. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

static void copies_fit_or_are_not_made(void **state)
{
    char out[5] = "old";
    (void)state;
    assert_int_equal(text_copy(out, sizeof out, "12345"), -ENAMETOOLONG);
    assert_string_equal(out, "old");
    assert_int_equal(text_copy(out, sizeof out, "1234"), 0);
    assert_string_equal(out, "1234");
    assert_int_equal(text_copy(out, sizeof out, ""), 0);
    assert_string_equal(out, "");
}

static void whole_numbers(void **state)
{
    static const char *const NONE[] = {
        "", " 1", "+1", "1 ", "1.0", "1e3", "0x10", "-", "--1", "9223372036854775808", "a"};
    int64_t n = 7;
    (void)state;
    assert_int_equal(text_to_int(NULL, &n), -EPROTO);
    for (size_t i = 0; i < LENGTH(NONE); i++) {
        assert_int_equal(text_to_int(guarded_text(NONE[i]), &n), -EPROTO);
        assert_int_equal(text_to_int_or(NONE[i], -3), -3);
    }
    assert_int_equal(n, 7);
    assert_int_equal(text_to_int("-9223372036854775808", &n), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(text_to_int_or("007", -3), 7);
}

static void tokens(void **state)
{
    static const struct {
        const char *text;
        size_t min, max;
        int is_token;
    } TABLE[] = {
        {"", 0, 5, 1},         {"", 1, 5, 0},         {"a", 1, 1, 1},   {"ab", 1, 1, 0},
        {"azAZ09_-", 8, 8, 1}, {"azAZ09_-", 9, 9, 0}, {"a b", 1, 9, 0}, {"a.b", 1, 9, 0},
        {"a/b", 1, 9, 0},      {"\xc3\xa9", 1, 9, 0}, {"a\n", 1, 9, 0}, {"a{", 1, 9, 0},
        {"a:", 1, 9, 0},       {"a@", 1, 9, 0},       {"a[", 1, 9, 0},  {"a`", 1, 9, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (text_is_token(guarded_text(TABLE[i].text), TABLE[i].min, TABLE[i].max) !=
            TABLE[i].is_token)
            fail_msg("\"%s\" %zu..%zu", TABLE[i].text, TABLE[i].min, TABLE[i].max);
}

static void keys(void **state)
{
    char key[130];
    (void)state;
    memset(key, 'k', sizeof key);
    for (size_t n = 0; n < sizeof key; n++) {
        key[n] = '\0';
        assert_int_equal(text_is_key(guarded_text(key)), n >= 16 && n <= 128);
        key[n] = 'k';
    }
    assert_false(text_is_key("0123456789abcde."));
}

static void numbers_in_digits(void **state)
{
    (void)state;
    assert_string_equal(text_of_number(0).text, "0");
    assert_string_equal(text_of_number(INT64_MIN).text, "-9223372036854775808");
    assert_string_equal(text_of_number(INT64_MAX).text, "9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_fit_or_are_not_made),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(tokens),
        cmocka_unit_test(keys),
        cmocka_unit_test(numbers_in_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
