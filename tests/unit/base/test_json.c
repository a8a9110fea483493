/* base/json: strict, and the same under every json-c. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "../support/test.h"
#include "base/json.h"

static struct json_object *value;
static struct json_error error;

static int parse(const char *text)
{
    value = NULL;
    return json_parse(text, strlen(text), 8, &value, &error);
}

static void characters_outside_ascii(void **state)
{
    static const char *const TEXTS[] = {"\xc2\x80",         "Caf\xc3\xa9",
                                        "\xe2\x82\xac 5",   "\xef\xbf\xbf",
                                        "\xf0\x9f\x8d\x9b", "\xf4\x8f\xbf\xbf mixed \xc3\xbc"};
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        char body[64];
        snprintf(body, sizeof body, "[\"%s\"]", TEXTS[i]);
        assert_int_equal(parse(body), 0);
        assert_string_equal(json_object_get_string(json_object_array_get_idx(value, 0)), TEXTS[i]);
        json_object_put(value);
    }
}

static void every_kind_of_value(void **state)
{
    static const char *const BODIES[] = {"{}", " [1, -2.5e3, true, null] ", "\"x\"",
                                         "17", "[[[[[[[[1]]]]]]]]",         "null\n"};
    (void)state;
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        assert_int_equal(parse(BODIES[i]), 0);
        json_object_put(value);
    }
}

static void refused(void **state)
{
    static const char *const BODIES[] = {
        "",
        "{",
        "{\"a\":}",
        "{'a':1}",
        "[1,]",
        "{} x",
        "{}{}",
        "\xc3",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "nul",
        "\"\xed\xa0\x80\"",
        "\xc3\xa9",
        "{\xc3\xa9:1}",
        "[[[[[[[[[1]]]]]]]]]",
        "NaN",
        "[Infinity]",
        "True",
        "01",
        "[1.]",
        "\"\t\"",
        "\"\\ud800\"",         /* half a character */
        "9223372036854775808", /* json-c would hand out another number */
        "[1e400]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        if (parse(BODIES[i]) != -EPROTO)
            fail_msg("taken: %s", BODIES[i]);
        assert_null(value);
        assert_non_null(error.what);
    }
    assert_int_equal(json_parse("{}\0{}", 5, 8, &value, &error), -EPROTO);
}

static void errors_tell_the_line(void **state)
{
    (void)state;
    assert_int_equal(parse("{\n\"\xc3\xa9\": 1,\n]"), -EPROTO);
    assert_int_equal(error.line, 3);
}

static void numbers_have_the_digits_that_mean_something(void **state)
{
    static const struct {
        double value;
        int decimals;
        const char *text;
    } TABLE[] = {{4.7, 3, "4.7"},     {10 / 3.0, 3, "3.333"},
                 {0.354, 3, "0.354"}, {2, 3, "2"},
                 {100, 1, "100"},     {0, 3, "0"},
                 {0.00001, 3, "0"},   {1e22, 3, "10000000000000000000000"},
                 {2896.31, 0, "2896"}};
    (void)state;
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        struct json_object *number = json_decimal(TABLE[i].value, TABLE[i].decimals);
        assert_string_equal(json_object_to_json_string(number), TABLE[i].text);
        json_object_put(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_outside_ascii),
        cmocka_unit_test(every_kind_of_value),
        cmocka_unit_test(refused),
        cmocka_unit_test(errors_tell_the_line),
        cmocka_unit_test(numbers_have_the_digits_that_mean_something),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
