/* Parameters in a body: its content type, JSON, and the query beside it. */
#include "tests/unit/api/params_fixture.h"

/* ---- query and body together ----------------------------------------------------------------- */

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

/* ---- JSON ------------------------------------------------------------------------------------ */

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

    /* undeclared: skipped unread */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(given_in_query_and_body),
        CASE(content_types),
        CASE(json_without_its_type_is_told_so),
        CASE(empty_body_needs_no_type),
        CASE(json_by_table),
        CASE(json_cut_after_every_byte),
        CASE(json_depth_is_bounded),
        CASE(json_of_no_bytes),
    };
    return cmocka_run_group_tests_name("api/params of a body", tests, NULL, NULL);
}
