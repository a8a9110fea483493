/* base/json_text: what is JSON (RFC 8259) and what is not; values as they are written. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"

#define DEPTH 4
#define JSON(text) text, sizeof(text) - 1

static struct json_error odd, error;

static int check(const char *bytes, size_t n)
{
    char *copy = malloc(n + 1);
    memcpy(copy, bytes, n);
    int err = json_text_check(guarded(copy, n), n, DEPTH, &odd, &error);
    free(copy);
    return err;
}

static const struct text {
    const char *bytes;
    size_t n;
} GOOD[] = {
    {JSON("{}")},
    {JSON("[]")},
    {JSON(" \t\r\n{ } \t\r\n")},
    {JSON("null")},
    {JSON("true ")},
    {JSON(" false")},
    {JSON("\"\"")},
    {JSON("0")},
    {JSON("-0")},
    {JSON("-0.0e-0")},
    {JSON("10")},
    {JSON("1.50")},
    {JSON("1e5")},
    {JSON("1E+5")},
    {JSON("1.0e-05")},
    {JSON("[1,2 , 3]")},
    {JSON("{\"a\":1,\"a\":2,\"\":{\"b\":[null]}}")},
    {JSON("[[[[]]]]")},
    {JSON("[[[[1]]]]")},
    {JSON("[{},[],\"\",{\"a\":{}}]")},
    {JSON("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83C\\uDF5B\\u0000\"")},
    {JSON("\"'/* // */ # \x7f \xc2\x85 \xe2\x80\xa8\"")},
    {JSON("\"\xc3\xa9\xf0\x9f\x8d\x9b\xef\xbf\xbf\"")},
};

static const struct text BAD[] = {
    {JSON("")},
    {JSON(" ")},
    {JSON("\xef\xbb\xbf{}")}, /* a byte order mark */
    {JSON("\f{}")},
    {JSON("\v1")},
    {JSON("\xc2\xa0{}")},
    {JSON("{}\0")},
    {JSON("\0")},
    {JSON("{}{}")},
    {JSON("1 2")},
    {JSON("1,")},
    {JSON("{} x")},
    {JSON("[1,]")},
    {JSON("[,1]")},
    {JSON("[1,,2]")},
    {JSON("[1 2]")},
    {JSON("[1}")},
    {JSON("[")},
    {JSON("]")},
    {JSON("[1")},
    {JSON("{")},
    {JSON("}")},
    {JSON("{\"a\"}")},
    {JSON("{\"a\":}")},
    {JSON("{\"a\":1,}")},
    {JSON("{\"a\":1")},
    {JSON("{,}")},
    {JSON("{a:1}")},
    {JSON("{1:1}")},
    {JSON("{'a':1}")},
    {JSON("'a'")},
    {JSON("{\"a\" 1}")},
    {JSON("{\"a\"::1}")},
    {JSON("{\"a\":1 \"b\":2}")},
    {JSON("{\"a\":1]")},
    {JSON("[/* x */1]")},
    {JSON("1 // x")},
    {JSON("#\n1")},
    {JSON("True")},
    {JSON("NULL")},
    {JSON("FALSE")},
    {JSON("nul")},
    {JSON("nulls")},
    {JSON("tru e")},
    {JSON("NaN")},
    {JSON("nan")},
    {JSON("-NaN")},
    {JSON("Infinity")},
    {JSON("-Infinity")},
    {JSON("undefined")},
    {JSON("01")},
    {JSON("-01")},
    {JSON("00")},
    {JSON("+1")},
    {JSON("-")},
    {JSON("--1")},
    {JSON("- 1")},
    {JSON(".5")},
    {JSON("-.5")},
    {JSON("1.")},
    {JSON("1.e1")},
    {JSON("1e")},
    {JSON("1e+")},
    {JSON("1e1.5")},
    {JSON("1.2.3")},
    {JSON("0x10")},
    {JSON("1_000")},
    {JSON("1a")},
    {JSON("\xef\xbc\x91")}, /* a full-width 1 */
    {JSON("\"")},
    {JSON("\"a")},
    {JSON("\"a\\\"")},
    {JSON("\"\n\"")},
    {JSON("\"\t\"")},
    {JSON("\"\0\"")},
    {JSON("\"\x1f\"")},
    {JSON("\"\\")},
    {JSON("\"\\q\"")},
    {JSON("\"\\'\"")},
    {JSON("\"\\x41\"")},
    {JSON("\"\\\0\"")},
    {JSON("\"\\u\"")},
    {JSON("\"\\u12\"")},
    {JSON("\"\\u12g4\"")},
    {JSON("\"\\U0041\"")},
    {JSON("\"\\u00e\xc3\xa9\"")},
    {JSON("\"\xff\"")},
    {JSON("\"\xc3\"")},
    {JSON("\"\xc0\xaf\"")},
    {JSON("\"\xed\xa0\x80\"")},
    {JSON("\"\xf5\x80\x80\x80\"")},
    {JSON("[[[[[]]]]]")},
    {JSON("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}")},
};

static void the_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(GOOD); i++)
        if (check(GOOD[i].bytes, GOOD[i].n) || odd.what)
            fail_msg("refused: %s (%s)", GOOD[i].bytes, odd.what ? odd.what : error.what);
    for (size_t i = 0; i < LENGTH(BAD); i++) {
        error.what = NULL;
        if (check(BAD[i].bytes, BAD[i].n) != -EPROTO)
            fail_msg("taken: %s (%zu)", BAD[i].bytes, i);
        assert_non_null(error.what);
    }
}

static void no_good_text_is_good_when_cut(void **state)
{
    static const char TEXT[] =
        "{\"a\":[1.5e1,true,null,{}],\"\\u00e9\":\"\\ud83c\\udf5b\xc3\xa9\"}";
    (void)state;
    for (size_t n = 0; n < sizeof TEXT - 1; n++)
        if (check(TEXT, n) != -EPROTO)
            fail_msg("taken: %.*s", (int)n, TEXT);
    assert_int_equal(check(TEXT, sizeof TEXT - 1), 0);
}

static void good_json_that_cannot_be_held(void **state)
{
    static const char *const ODD[] = {"\"\\ud83c\"",
                                      "\"\\udf5b\"",
                                      "\"\\udf5b\\ud83c\"",
                                      "\"\\ud83c\\ud83c\"",
                                      "\"\\ud83cx\\udf5b\"",
                                      "\"\\ud83c\\n\\udf5b\"",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999999",
                                      "1e309",
                                      "1e400",
                                      "-0.1e999999999999999999999",
                                      "123456789012345678901.0e300"};
    static const char *const HELD[] = {"9223372036854775807",     "-9223372036854775808", "1e307",
                                       "0e999999999999999999999", "1e-999999999999999",   "0.000"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ODD); i++)
        if (check(ODD[i], strlen(ODD[i])) || !odd.what)
            fail_msg("%s", ODD[i]);
    for (size_t i = 0; i < LENGTH(HELD); i++)
        if (check(HELD[i], strlen(HELD[i])) || odd.what)
            fail_msg("%s: %s", HELD[i], odd.what);
    assert_int_equal(check(JSON("[1,\n1e400]")), 0);
    assert_int_equal(odd.line, 2);
}

static void depth_has_no_price(void **state)
{
    enum { N = 100000 };
    (void)state;
    char *text = malloc(N);
    memset(text, '[', N);
    assert_int_equal(json_text_check(text, N, JSON_TEXT_DEPTH_MAX, &odd, &error), -EPROTO);
    memset(text + JSON_TEXT_DEPTH_MAX, ']', JSON_TEXT_DEPTH_MAX);
    assert_int_equal(
        json_text_check(text, (size_t)2 * JSON_TEXT_DEPTH_MAX, JSON_TEXT_DEPTH_MAX, &odd, &error),
        0);
    free(text);
}

static void members_one_by_one(void **state)
{
    static const char TEXT[] =
        " { \"a\" : 1 , \"b\\u0063\":\"}\\\\\\\"]\",\"a\":[{\"x\":\"]\"} , 2],"
        "\"\":{},\"t\":true}\n";
    static const char *const EXPECTED[][2] = {{"\"a\"", "1"},
                                              {"\"b\\u0063\"", "\"}\\\\\\\"]\""},
                                              {"\"a\"", "[{\"x\":\"]\"} , 2]"},
                                              {"\"\"", "{}"},
                                              {"\"t\"", "true"}};
    (void)state;
    size_t i = 0, n = sizeof TEXT - 1;
    assert_int_equal(check(TEXT, n), 0);
    struct json_part rest = json_text_value(guarded(TEXT, n), n), name, value;
    assert_int_equal(rest.n, n - 2);
    for (; json_text_next(&rest, &name, &value); i++) {
        assert_in_range(i, 0, LENGTH(EXPECTED) - 1);
        assert_int_equal(name.n, strlen(EXPECTED[i][0]));
        assert_memory_equal(name.at, EXPECTED[i][0], name.n);
        assert_int_equal(value.n, strlen(EXPECTED[i][1]));
        assert_memory_equal(value.at, EXPECTED[i][1], value.n);
    }
    assert_int_equal(i, LENGTH(EXPECTED));
    rest = json_text_value(JSON("{ }"));
    assert_false(json_text_next(&rest, &name, &value));
    assert_int_equal(json_text_value(JSON(" -1.5e3 ")).n, 6);
}

static void strings(void **state)
{
    static const struct {
        const char *written, *text;
        size_t n;
    } TABLE[] = {
        {"\"\"", JSON("")},
        {"\"Curry\"", JSON("Curry")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", JSON("\"\\/\b\f\n\r\t")},
        {"\"\\u0041\\u00E9\\u20ac\\uffff\"", JSON("A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf")},
        {"\"\\ud83c\\udf5b\\udbff\\udfff\"", JSON("\xf0\x9f\x8d\x9b\xf4\x8f\xbf\xbf")},
        {"\"a\\u0000b\"", JSON("a\0b")},
        {"\"\xc3\xa9\"", JSON("\xc3\xa9")},
        {"\"\\\\u0041\"", JSON("\\u0041")},
    };
    static const char *const HALVES[] = {"\"\\ud83c\"", "\"\\udf5b\"", "\"\\ud83c\\ud83c\"",
                                         "\"\\ud83c\\u0041\"", "\"\\ud83c\\\\df5b\""};
    size_t n;
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        size_t written_n = strlen(TABLE[i].written);
        char *text = json_text_string(
            (struct json_part){guarded(TABLE[i].written, written_n), written_n}, &n);
        assert_non_null(text);
        assert_int_equal(n, TABLE[i].n);
        assert_memory_equal(text, TABLE[i].text, n + 1);
        free(text);
    }
    for (size_t i = 0; i < LENGTH(HALVES); i++)
        assert_null(json_text_string((struct json_part){HALVES[i], strlen(HALVES[i])}, &n));
}

static void integers(void **state)
{
    static const struct {
        const char *number;
        int err;
        int64_t value;
    } TABLE[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"-0.0e5", 0, 0},
        {"0e99999999999999999999", 0, 0},
        {"2", 0, 2},
        {"2.0", 0, 2},
        {"2e0", 0, 2},
        {"2E+0", 0, 2},
        {"20e-1", 0, 2},
        {"200e-2", 0, 2},
        {"200.00e-2", 0, 2},
        {"0.02e2", 0, 2},
        {"0.2E1", 0, 2},
        {"2.000000000000000000000000000000000", 0, 2},
        {"2000000000000000000000000000000e-30", 0, 2},
        {"0.000000000000000000000000000002e30", 0, 2},
        {"-12.50e1", 0, -125},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775807.0", 0, INT64_MAX},
        {"2.5", -EPROTO, 0},
        {"0.1", -EPROTO, 0},
        {"2e-1", -EPROTO, 0},
        {"25e-1", -EPROTO, 0},
        {"2.00000000000000000000001", -EPROTO, 0},
        {"2e-99999999999999999999", -EPROTO, 0},
        {"1e-4294967296", -EPROTO, 0},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775809", -ERANGE, 0},
        {"18446744073709551617", -ERANGE, 0},
        {"1e19", -ERANGE, 0},
        {"1e400", -ERANGE, 0},
        {"1e18446744073709551616", -ERANGE, 0},
        {"2e4294967296", -ERANGE, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        int64_t value = 77;
        size_t n = strlen(TABLE[i].number);
        int err = json_text_integer((struct json_part){guarded(TABLE[i].number, n), n}, &value);
        if (err != TABLE[i].err || value != (err ? 77 : TABLE[i].value))
            fail_msg("%s: %d, %lld", TABLE[i].number, err, (long long)value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grammar),
        cmocka_unit_test(no_good_text_is_good_when_cut),
        cmocka_unit_test(good_json_that_cannot_be_held),
        cmocka_unit_test(depth_has_no_price),
        cmocka_unit_test(members_one_by_one),
        cmocka_unit_test(strings),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests_name("base/json_text", tests, NULL, NULL);
}
