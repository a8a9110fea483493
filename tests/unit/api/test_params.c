#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/params.h"

static struct params params;

static const struct param_rule RULES[] = {
    {"restaurant_id", PARAM_STRING},
    {"item", PARAM_STRING},
    {"quantity", PARAM_INTEGER},
    {"a", PARAM_STRING},
    {"b", PARAM_STRING},
    {"n", PARAM_INTEGER},
    {"hint", PARAM_HINT},
    {NULL, PARAM_STRING},
};

static int forget(void **state)
{
    (void)state;
    params_release(&params);
    params_init(&params, RULES);
    return 0;
}

/* "name=value;name=value;" of what is held, in the rules' order. */
static const char *held(void)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; RULES[i].name; i++)
        if (params.values[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "%s=%s;", RULES[i].name,
                                  params.values[i]);
    return text;
}

/* ---- query
 * ------------------------------------------------------------------------------------------- */

static const struct urlencoded {
    const char *name, *query;
    int status;
    const char *held;
} URLENCODED[] = {
    {"nothing", "", 0, ""},
    {"one", "item=Curry", 0, "item=Curry;"},
    {"two", "restaurant_id=resto_123&item=Curry", 0, "restaurant_id=resto_123;item=Curry;"},
    {"no value", "item=", 0, "item=;"},
    {"no equals sign", "item", 0, "item=;"},
    {"empty parts", "&&a=1&&b=2&", 0, "a=1;b=2;"},
    {"only ampersands", "&&&", 0, ""},
    {"equals sign in the value", "a=b=c==", 0, "a=b=c==;"},
    {"semicolon separates nothing", "a=1;b=2", 0, "a=1;b=2;"},
    {"plus is a space", "item=Chicken+Tikka", 0, "item=Chicken Tikka;"},
    {"encoded plus is a plus", "item=a%2Bb", 0, "item=a+b;"},
    {"encoded space", "item=Chicken%20Tikka", 0, "item=Chicken Tikka;"},
    {"encoded separators", "a=%26%3D", 0, "a=&=;"},
    {"lower and upper case hex", "a=%c3%a9%C3%A9%2f%2F", 0, "a=\xc3\xa9\xc3\xa9//;"},
    {"encoded twice is decoded once", "a=%2541", 0, "a=%41;"},
    {"raw UTF-8", "a=\xc3\xa9", 0, "a=\xc3\xa9;"},
    {"percent at the end", "a=%", 0, "a=%;"},
    {"percent and one digit at the end", "a=%4", 0, "a=%4;"},
    {"percent and no hex", "a=%zz%4z%z4%-1%+1%0x", 0, "a=%zz%4z%z4%-1% 1%0x;"},
    {"percent percent", "a=%%41", 0, "a=%A;"},
    {"percent before a separator", "a=%4&b=1", 0, "a=%4;b=1;"},
    {"encoded name", "%61=1", 0, "a=1;"},
    {"names differ by case", "a=1&A=2", 0, "a=1;"},
    {"digits are digits, for now", "n=%32x", 0, "n=2x;"},

    {"twice the same", "a=1&a=1", 422, NULL},
    {"twice, once encoded", "item=1&it%65m=2", 422, NULL},
    {"twice, without a value", "a&a", 422, NULL},
    {"NUL in a value", "a=x%00y", 422, NULL},
    {"NUL ends a value", "a=x%00", 422, NULL},
    {"newline", "a=x%0Ay", 422, NULL},
    {"raw tab", "a=\t", 422, NULL},
    {"DEL", "a=%7F", 422, NULL},
    {"C1 control", "a=%C2%85", 422, NULL},
    {"lone continuation byte", "a=%80", 422, NULL},
    {"cut sequence", "a=%E2%82", 422, NULL},
    {"overlong slash", "a=%C0%AF", 422, NULL},
    {"surrogate", "a=%ED%A0%80", 422, NULL},
    {"Latin-1", "a=caf%E9", 422, NULL},

    /* what nobody knows */
    {"unknown", "utm_source=x", 0, ""},
    {"unknown twice", "x=1&b=2&x=1", 0, "b=2;"},
    {"no name", "=Curry&=&=", 0, ""},
    {"only an equals sign", "=", 0, ""},
    {"odd names", "a[]=1&b.c={\"x\"}&a%=1", 0, ""},
    {"NUL in a name", "item%00x=1&item%00=1&%00=1", 0, ""},
    {"control characters", "x=%0A%00%7F&a%0D=1", 0, ""},
    {"bad bytes", "x=%FF&%FF=1&x=caf%E9", 0, ""},
    {"a name that is longer", "items=1&ite=1", 0, ""},

    /* hints */
    {"a hint", "hint=7", 0, "hint=7;"},
    {"a hint twice is none", "hint=7&a=1&hint=7", 0, "a=1;"},
    {"a hint three times is none", "hint=7&hint=8&hint=9", 0, ""},
    {"a hint of bad bytes is none", "hint=%FF&a=1", 0, "a=1;"},
    {"a hint with control characters is none", "hint=7%0A", 0, ""},
};

/* A failure says why in one line that can be shown. */
static void assert_has_error(void)
{
    size_t n = strlen(params.error);
    assert_in_range(n, 1, PARAM_ERROR_SIZE - 1);
    assert_null(strchr(params.error, '\n'));
}

static void query_by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(URLENCODED); i++) {
        const struct urlencoded *c = &URLENCODED[i];
        forget(NULL);
        int status = params_add_query(&params, guarded_text(c->query));
        if (status != c->status)
            fail_msg("%s: %d, expected %d", c->name, status, c->status);
        if (status)
            assert_has_error();
        else if (strcmp(held(), c->held) != 0)
            fail_msg("%s: \"%s\"", c->name, held());
    }
}

/* A body is bytes and a NUL, as fastcgi.c gives it. */
static int add_body(const char *type, const char *body, size_t n)
{
    char *copy = malloc(n + 1);
    memcpy(copy, body, n);
    copy[n] = '\0';
    int status = params_add_body(&params, type, guarded(copy, n + 1), n);
    free(copy);
    return status;
}

static void form_by_the_same_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(URLENCODED); i++) {
        const struct urlencoded *c = &URLENCODED[i];
        forget(NULL);
        int status = add_body("application/x-www-form-urlencoded", c->query, strlen(c->query));
        if (status != c->status)
            fail_msg("%s: %d, expected %d", c->name, status, c->status);
        if (!status)
            assert_string_equal(held(), c->held);
    }
}

static void form_with_raw_nul_bytes(void **state)
{
    static const struct {
        const char *body;
        size_t n;
        int status;
    } TABLE[] = {
        {"a=x\0y", 5, 422}, {"a=\0", 3, 422}, {"a\0b=x", 5, 0}, {"\0", 1, 0}, {"b=1&\0=2", 7, 0}};
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        forget(NULL);
        int status = add_body("application/x-www-form-urlencoded", TABLE[i].body, TABLE[i].n);
        if (status != TABLE[i].status)
            fail_msg("body %zu", i);
    }
}

static void any_number_of_unknown_ones(void **state)
{
    (void)state;
    char query[4096];
    size_t n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(query + n, sizeof query - n, "&p%d=%d", i, i);
    assert_int_equal(params_add_query(&params, query), 0);
    assert_int_equal(params_add_query(&params, "item=Curry"), 0);
    assert_string_equal(held(), "item=Curry;");
}

static void very_long_names_and_values(void **state)
{
    (void)state;
    enum { N = 60000 };
    char *query = malloc(N + 3);
    memset(query, 'x', N + 2);
    query[N + 2] = '\0';
    assert_int_equal(params_add_query(&params, query), 0);
    memcpy(query, "a=", 2);
    assert_int_equal(params_add_query(&params, query), 0);
    assert_int_equal(strlen(params_get(&params, "a")), N);
    assert_int_equal(params_add_query(&params, query), 422);
    assert_has_error();
    free(query);
}

/* ---- query and body together
 * --------------------------------------------------------------------------- */

static void given_in_query_and_body(void **state)
{
    (void)state;
    assert_int_equal(params_add_query(&params, "item=Curry&quantity=1"), 0);
    assert_int_equal(add_body("application/json", "{\"item\":\"Naan\"}", 15), 422);
    assert_string_equal(params.error, "Parameter item is given more than once.");
    forget(NULL);
    assert_int_equal(params_add_query(&params, "x=1"), 0);
    assert_int_equal(add_body("application/json", "{\"x\":\"1\",\"a\":\"2\"}", 17), 0);
    assert_string_equal(held(), "a=2;");
    forget(NULL);
    assert_int_equal(params_add_query(&params, "item=Curry"), 0);
    assert_int_equal(add_body("application/x-www-form-urlencoded", "item=Curry", 10), 422);
    forget(NULL);
    assert_int_equal(params_add_query(&params, "item=Curry"), 0);
    assert_int_equal(add_body("application/json", "{\"quantity\":2}", 14), 0);
    assert_string_equal(held(), "item=Curry;quantity=2;");
}

static void content_types(void **state)
{
    static const struct {
        const char *type;
        int status;
    } TABLE[] = {
        {"application/json", 0},
        {"application/json; charset=utf-8", 0},
        {"application/json;charset=utf-8", 0},
        {"application/json ", 0},
        {"application/json\t;x=y", 0},
        {"application/json; charset=\"UTF-8\"", 0},
        {"application/json; x=y ;\tcharset=utf8", 0},
        {"application/json; charset=iso-8859-1", 415},
        {"application/json; charset=utf-16", 415},
        {"application/json;x=y;charset=utf-8-x", 415},
        {"application/json; charset=", 415},
        {"APPLICATION/JSON", 0},
        {"Application/Json; Charset=UTF-8", 0},
        {"", 415},
        {";", 415},
        {"application/jso", 415},
        {"application/jsonp", 415},
        {"application/json,text/plain", 415},
        {" application/json", 415},
        {"application/problem+json", 415},
        {"text/json", 415},
        {"text/plain", 415},
        {"multipart/form-data; boundary=x", 415},
        {"application/x-www-form-urlencode", 415},
        {"application/x-www-form-urlencodedx", 415},
        {"application/xml", 415},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        forget(NULL);
        int status = add_body(TABLE[i].type, "{\"a\":\"b\"}", 9);
        if (status != TABLE[i].status)
            fail_msg("\"%s\": %d", TABLE[i].type, status);
        if (status)
            assert_has_error();
    }
    forget(NULL);
    assert_int_equal(add_body("application/x-www-form-urlencoded;charset=latin1", "a=b", 3), 415);
    assert_int_equal(add_body("Application/X-WWW-Form-Urlencoded;charset=utf-8", "a=b", 3), 0);
    assert_string_equal(held(), "a=b;");
}

/* curl -d sends it so, and a browser's fetch without a Blob's type */
static void json_without_its_type_is_told_so(void **state)
{
    static const char *const TYPES[] = {"", "application/x-www-form-urlencoded",
                                        "application/x-www-form-urlencoded; charset=utf-8"};
    (void)state;
    for (size_t i = 0; i < LENGTH(TYPES); i++) {
        forget(NULL);
        assert_int_equal(add_body(TYPES[i], "\r\n {\"a\":\"b\"}", 12), 415);
        assert_non_null(strstr(params.error, "Content-Type: application/json"));
        assert_int_equal(add_body(TYPES[i], "[", 1), 415);
        assert_non_null(strstr(params.error, "Content-Type: application/json"));
    }
}

static void empty_body_needs_no_type(void **state)
{
    static const char *const TYPES[] = {"", "application/json", "text/plain", "nonsense"};
    (void)state;
    for (size_t i = 0; i < LENGTH(TYPES); i++)
        assert_int_equal(add_body(TYPES[i], "", 0), 0);
    assert_string_equal(held(), "");
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------------
 */

#define JSON(text) text, sizeof(text) - 1

static const struct {
    const char *name, *body;
    size_t n;
    int status;
    const char *held;
} JSONS[] = {
    {"empty object", JSON("{}"), 0, ""},
    {"spaces around", JSON(" \r\n\t{ } \r\n\t"), 0, ""},
    {"strings", JSON("{\"restaurant_id\":\"resto_123\",\"item\":\"Curry\"}"), 0,
     "restaurant_id=resto_123;item=Curry;"},
    {"empty string", JSON("{\"a\":\"\"}"), 0, "a=;"},
    {"whole numbers", JSON("{\"n\":-7,\"quantity\":3}"), 0, "quantity=3;n=-7;"},
    {"numbers without a fraction", JSON("{\"n\":20e-1,\"quantity\":2.0}"), 0, "quantity=2;n=2;"},
    {"escapes", JSON("{\"a\":\"\\\"\\\\\\/\\u00e9\\ud83c\\udf5b\"}"), 0,
     "a=\"\\/\xc3\xa9\xf0\x9f\x8d\x9b;"},
    {"escaped name", JSON("{\"it\\u0065m\":\"x\"}"), 0, "item=x;"},
    {"raw UTF-8", JSON("{\"a\":\"\xc3\xa9\"}"), 0, "a=\xc3\xa9;"},
    {"braces, colons, quotes inside strings", JSON("{\"x:\":\"{[:\\\":\",\"b\":\"}]\\\\\"}"), 0,
     "b=}]\\;"},
    {"escaped backslash before u0000", JSON("{\"a\":\"\\\\u0000\"}"), 0, "a=\\u0000;"},
    {"plus and percent are themselves", JSON("{\"a\":\"1+1%41\"}"), 0, "a=1+1%41;"},
    {"digits in a string", JSON("{\"a\":\"99999999999999999999\"}"), 0, "a=99999999999999999999;"},

    {"nothing but spaces", JSON("  "), 400, NULL},
    {"cut object", JSON("{\"a\":\"b\""), 400, NULL},
    {"a form", JSON("item=Curry"), 400, NULL},
    {"object and word", JSON("{\"a\":\"b\"} x"), 400, NULL},
    {"object and a NUL", JSON("{\"a\":\"b\"}\0"), 400, NULL},
    {"single quotes", JSON("{'a':'b'}"), 400, NULL},
    {"comment", JSON("{/* x */\"a\":\"b\"}"), 400, NULL},
    {"bad UTF-8, even where nobody looks", JSON("{\"x\":\"\xff\"}"), 400, NULL},
    {"raw newline, even where nobody looks", JSON("{\"x\":\"\n\"}"), 400, NULL},
    {"not a number, even where nobody looks", JSON("{\"x\":NaN}"), 400, NULL},

    {"an array", JSON("[]"), 422, NULL},
    {"a string", JSON("\"x\""), 422, NULL},
    {"a number", JSON("5"), 422, NULL},
    {"null", JSON(" null "), 422, NULL},
    {"true", JSON("true"), 422, NULL},
    {"a string that is null", JSON("{\"a\":null}"), 422, NULL},
    {"a string that is true", JSON("{\"a\":true}"), 422, NULL},
    {"a string that is a number", JSON("{\"a\":5}"), 422, NULL},
    {"a string that is a large number", JSON("{\"a\":99999999999999999999}"), 422, NULL},
    {"a string that is an array", JSON("{\"a\":[\"x\"]}"), 422, NULL},
    {"a string that is an object", JSON("{\"a\":{}}"), 422, NULL},
    {"a number that is a string", JSON("{\"n\":\"5\"}"), 422, NULL},
    {"a number that is null", JSON("{\"n\":null}"), 422, NULL},
    {"a number that is false", JSON("{\"n\":false}"), 422, NULL},
    {"a number that is an array", JSON("{\"n\":[5]}"), 422, NULL},
    {"a number that is an object", JSON("{\"n\":{\"n\":5}}"), 422, NULL},
    {"a fraction", JSON("{\"n\":1.5}"), 422, NULL},
    {"a small fraction", JSON("{\"n\":2.00000000000000000000001}"), 422, NULL},
    {"too large", JSON("{\"n\":9223372036854775808}"), 422, NULL},
    {"too large by its exponent", JSON("{\"n\":1e400}"), 422, NULL},
    {"twice the same", JSON("{\"a\":\"1\",\"b\":\"{:\",\"a\":\"1\"}"), 422, NULL},
    {"twice, once escaped", JSON("{\"a\":\"1\",\"\\u0061\":\"2\"}"), 422, NULL},
    {"twice, once of another type", JSON("{\"a\":\"1\",\"a\":null}"), 422, NULL},
    {"NUL in a string", JSON("{\"a\":\"x\\u0000y\"}"), 422, NULL},
    {"control character in a string", JSON("{\"a\":\"x\\ny\"}"), 422, NULL},
    {"C1 control", JSON("{\"a\":\"\\u0085\"}"), 422, NULL},
    {"half a character", JSON("{\"a\":\"\\ud83c\"}"), 422, NULL},

    /* what nobody knows */
    {"null", JSON("{\"x\":null,\"b\":\"1\"}"), 0, "b=1;"},
    {"a number", JSON("{\"x\":-1.5e400,\"y\":99999999999999999999}"), 0, ""},
    {"nested", JSON("{\"x\":{\"a\":\"1\",\"a\":[{\"b\":\"}]\"}]},\"b\":\"2\"}"), 0, "b=2;"},
    {"deep", JSON("{\"x\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],\"b\":\"2\"}"), 0, "b=2;"},
    {"twice", JSON("{\"x\":1,\"x\":\"1\",\"b\":\"2\",\"x\":[]}"), 0, "b=2;"},
    {"strange strings", JSON("{\"x\":\"\\u0000\\n\\u0085\\ud83c\"}"), 0, ""},
    {"strange names", JSON("{\"\":1,\"a\\u0000\":1,\"a\\n\":1,\"\\ud83c\":1,\"A\":1}"), 0, ""},
};

static void json_by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(JSONS); i++) {
        forget(NULL);
        int status = add_body("application/json", JSONS[i].body, JSONS[i].n);
        int is_right =
            JSONS[i].status >= 0 ? status == JSONS[i].status : status == 400 || status == 422;
        if (!is_right)
            fail_msg("%s: %d (%s)", JSONS[i].name, status, params.error);
        if (status)
            assert_has_error();
        else if (strcmp(held(), JSONS[i].held) != 0)
            fail_msg("%s: \"%s\"", JSONS[i].name, held());
    }
}

static void json_cut_after_every_byte(void **state)
{
    (void)state;
    static const char BODY[] =
        "{\"item\":\"Curr\xc3\xa9 \\u00e9\",\"quantity\":12,\"user_id\":\"1\"}";
    for (size_t n = 1; n < sizeof BODY - 1; n++) {
        forget(NULL);
        if (add_body("application/json", BODY, n) != 400)
            fail_msg("cut after byte %zu", n);
    }
    forget(NULL);
    assert_int_equal(add_body("application/json", BODY, sizeof BODY - 1), 0);
}

static void json_depth_is_bounded(void **state)
{
    (void)state;
    enum { N = 30000 };
    char *body = malloc(N + 1);
    memset(body, '[', N);
    body[N] = '\0';
    assert_int_equal(params_add_json(&params, body, N), 400);
    assert_has_error();
    free(body);
}

static void json_of_no_bytes(void **state)
{
    (void)state;
    assert_int_equal(params_add_json(&params, guarded_text(""), 0), 400);
}

/* ---- looking up
 * -------------------------------------------------------------------------------------------- */

static void get_finds_the_exact_name(void **state)
{
    (void)state;
    assert_int_equal(params_add_query(&params, "item=Curry&a="), 0);
    assert_string_equal(params_get(&params, "item"), "Curry");
    assert_string_equal(params_get(&params, "a"), "");
    assert_null(params_get(&params, "Item"));
    assert_null(params_get(&params, "ite"));
    assert_null(params_get(&params, "items"));
    assert_null(params_get(&params, ""));
}

static void whole_numbers_by_table(void **state)
{
    static const struct {
        const char *text;
        int status, value;
    } TABLE[] = {
        {"1", 0, 1},
        {"20", 0, 20},
        {"007", 0, 7},
        {"0", 422, 0},
        {"21", 422, 0},
        {"-1", 422, 0},
        {"", 422, 0},
        {"+1", 422, 0},
        {" 1", 422, 0},
        {"1 ", 422, 0},
        {"1.0", 422, 0},
        {"1e1", 422, 0},
        {"0x5", 422, 0},
        {"two", 422, 0},
        {"1,5", 422, 0},
        {"-", 422, 0},
        {"4294967297", 422, 0},
        {"99999999999999999999", 422, 0},
        {"\xd9\xa1", 422, 0},
        {"18446744073709551617", 422, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        int value = 77;
        forget(NULL);
        params.values[2] = strdup(TABLE[i].text);
        int status = params_get_int(&params, "quantity", &(struct param_int){1, 20, 1}, &value);
        if (status != TABLE[i].status || value != (status ? 77 : TABLE[i].value))
            fail_msg("\"%s\": %d, %d", TABLE[i].text, status, value);
        if (status)
            assert_string_equal(params.error, "quantity must be a whole number from 1 to 20.");
    }
}

static void absent_number_is_the_fallback(void **state)
{
    (void)state;
    int value = 77;
    assert_int_equal(params_get_int(&params, "quantity", &(struct param_int){1, 20, 5}, &value), 0);
    assert_int_equal(value, 5);
}

static void negative_bounds(void **state)
{
    (void)state;
    int value;
    assert_int_equal(params_add_query(&params, "n=-5"), 0);
    assert_int_equal(params_get_int(&params, "n", &(struct param_int){-5, 5, 0}, &value), 0);
    assert_int_equal(value, -5);
    assert_int_equal(params_get_int(&params, "n", &(struct param_int){-4, 5, 0}, &value), 422);
}

static void release_makes_it_empty_and_usable(void **state)
{
    (void)state;
    assert_int_equal(params_add_query(&params, "a=1&b=2"), 0);
    params_release(&params);
    assert_null(params_get(&params, "a"));
    assert_int_equal(params_add_query(&params, "a=3"), 0);
    assert_string_equal(held(), "a=3;");
    params_release(&params);
    params_release(&params);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(query_by_table),
        CASE(form_by_the_same_table),
        CASE(form_with_raw_nul_bytes),
        CASE(any_number_of_unknown_ones),
        CASE(very_long_names_and_values),
        CASE(given_in_query_and_body),
        CASE(content_types),
        CASE(json_without_its_type_is_told_so),
        CASE(empty_body_needs_no_type),
        CASE(json_by_table),
        CASE(json_cut_after_every_byte),
        CASE(json_depth_is_bounded),
        CASE(json_of_no_bytes),
        CASE(get_finds_the_exact_name),
        CASE(whole_numbers_by_table),
        CASE(absent_number_is_the_fallback),
        CASE(negative_bounds),
        CASE(release_makes_it_empty_and_usable),
    };
    return cmocka_run_group_tests_name("api/params", tests, NULL, NULL);
}
