/* Names stand once in C (order/keys.h) and once in Lua (redis/functions): here they meet. */
#include "tests/unit/support/test.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 128
#define NAME_SIZE 64

struct names {
    char list[NAMES_MAX][NAME_SIZE];
    size_t n;
};

/* Adds what the pattern's first group matches, wherever it does in the text, which it frees. */
static void collect(struct names *names, char *text, const char *pattern)
{
    regex_t regex;
    regmatch_t match[2];
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE), 0);
    for (const char *at = text; regexec(&regex, at, 2, match, 0) == 0; at += match[0].rm_eo) {
        assert_true(names->n < NAMES_MAX);
        snprintf(names->list[names->n++], NAME_SIZE, "%.*s", (int)(match[1].rm_eo - match[1].rm_so),
                 at + match[1].rm_so);
    }
    regfree(&regex);
    free(text);
}

static size_t count(const struct names *names, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++)
        n += strcmp(names->list[i], name) == 0;
    return n;
}

static void collect_both(struct names *in_c, struct names *in_lua)
{
    in_c->n = in_lua->n = 0;
    collect(in_c, read_source("fcgi/order/keys.h"), "^#define FN_[A-Z_]+ \"([a-z_]+)\"");
    collect(in_lua, read_functions(), "^register\\('([a-z_]+)'");
    collect(in_lua, read_source("redis/functions/gateway.lua"), "function_name = '([a-z_]+)'");
    assert_true(in_c->n > 10);
    assert_true(in_lua->n > 10);
}

static void every_function_c_calls_is_registered_once(void **state)
{
    (void)state;
    static struct names in_c, in_lua;
    collect_both(&in_c, &in_lua);
    for (size_t i = 0; i < in_c.n; i++)
        if (count(&in_lua, in_c.list[i]) != 1)
            fail_msg("%s is registered %zu times", in_c.list[i], count(&in_lua, in_c.list[i]));
}

static void every_registered_function_has_its_name_in_c_once(void **state)
{
    (void)state;
    static struct names in_c, in_lua;
    collect_both(&in_c, &in_lua);
    for (size_t i = 0; i < in_lua.n; i++)
        if (count(&in_c, in_lua.list[i]) != 1)
            fail_msg("%s stands %zu times in keys.h", in_lua.list[i], count(&in_c, in_lua.list[i]));
}

/* Whatever is registered in another way would escape the tests above. */
static void no_other_way_of_registering(void **state)
{
    (void)state;
    static struct names calls;
    calls.n = 0;
    collect(&calls, read_functions(), "(redis\\.register_function)");
    assert_int_equal(calls.n, 1); /* inside register() */
    static struct names ledger, by_name;
    ledger.n = by_name.n = 0;
    collect(&ledger, read_source("redis/functions/gateway.lua"), "(redis\\.register_function)");
    collect(&by_name, read_source("redis/functions/gateway.lua"), "function_name = '([a-z_]+)'");
    assert_int_equal(ledger.n, by_name.n);
}

static void library_versions_are_equal(void **state)
{
    (void)state;
    static struct names in_c, in_lua;
    in_c.n = in_lua.n = 0;
    collect(&in_c, read_source("fcgi/order/keys.h"), "^#define LIBRARY_VERSION \"([^\"]+)\"");
    collect(&in_lua, read_functions(), "^local VERSION = '([^']+)'");
    assert_int_equal(in_c.n, 1);
    assert_int_equal(in_lua.n, 1);
    assert_string_equal(in_c.list[0], in_lua.list[0]);
}

static void lua_uses_the_status_words_of_c(void **state)
{
    static const char *const WORDS[] = {
        "order_placed",   "preparing_food", "quality_check", "out_for_delivery", "delivered",
        "payment_failed", "cancelled",      "needs_review",  "pending",          "paid",
        "declined",       "refunded",       "not_charged",   "acknowledged"};
    (void)state;
    char *text = read_functions();
    for (size_t i = 0; i < LENGTH(WORDS); i++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "'%s'", WORDS[i]);
        if (!strstr(text, quoted))
            fail_msg("no function says %s", quoted);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_c_calls_is_registered_once),
        cmocka_unit_test(every_registered_function_has_its_name_in_c_once),
        cmocka_unit_test(no_other_way_of_registering),
        cmocka_unit_test(library_versions_are_equal),
        cmocka_unit_test(lua_uses_the_status_words_of_c),
    };
    return cmocka_run_group_tests_name("order/names", tests, NULL, NULL);
}
