/* Parameters in a query or a form, and how they are looked up. */
#include "tests/unit/api/params_fixture.h"

/* ---- query ----------------------------------------------------------------------------------- */

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

    /* undeclared: skipped unread */
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

/* ---- looking up ------------------------------------------------------------------------------ */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(query_by_table),
        CASE(form_by_the_same_table),
        CASE(form_with_raw_nul_bytes),
        CASE(any_number_of_unknown_ones),
        CASE(very_long_names_and_values),
        CASE(get_finds_the_exact_name),
        CASE(whole_numbers_by_table),
        CASE(absent_number_is_the_fallback),
        CASE(negative_bounds),
        CASE(release_makes_it_empty_and_usable),
    };
    return cmocka_run_group_tests_name("api/params", tests, NULL, NULL);
}
