#include "tests/unit/support/test.h"

#include <string.h>

#include "ctl/options.h"

#define ID "order_00abcdefghijklmnopqrst"

static char error[200];

static int parse(struct options *o, size_t n, const char *const words[])
{
    char *argv[16] = {(char *)"tiffin-ctl"};
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = (char *)words[i];
    error[0] = '\0';
    return options_parse(o, (int)n + 1, argv, error, sizeof error);
}
#define PARSE(o, ...) \
    parse((o), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
          (const char *const[]){__VA_ARGS__})

static void test_commands(void **state)
{
    struct options o;
    (void)state;
    assert_int_equal(PARSE(&o, "status"), 0);
    assert_int_equal(o.command, COMMAND_STATUS);
    assert_null(o.argument);
    assert_int_equal(PARSE(&o, "--json", "order", ID), 0);
    assert_int_equal(o.command, COMMAND_ORDER);
    assert_string_equal(o.argument, ID);
    assert_true(o.is_json);
    assert_int_equal(PARSE(&o, "fsck", "--repair"), 0);
    assert_true(o.is_repairing && !o.is_json);
}

static void test_all_and_money(void **state)
{
    struct options o;
    (void)state;
    assert_int_equal(PARSE(&o, "requeue", ID), 0);
    assert_true(!o.is_all && !o.reason);
    assert_int_equal(PARSE(&o, "requeue", "--all"), 0);
    assert_true(o.is_all && !o.reason && !o.argument);
    assert_int_equal(options_check_argument(&o, error, sizeof error), 0);
    assert_int_equal(PARSE(&o, "--reason", "a b", "requeue", "--all"), 0);
    assert_string_equal(o.reason, "a b");
    assert_int_equal(PARSE(&o, "requeue", "--all", "--reason=x"), 0);
    assert_string_equal(o.reason, "x");
    assert_int_equal(PARSE(&o, "settle", ID, "--refunded"), 0);
    assert_string_equal(o.money, "refunded");
    assert_int_equal(PARSE(&o, "settle", "--not-charged", ID), 0);
    assert_string_equal(o.money, "not_charged");
    assert_int_equal(PARSE(&o, "settle", "--help"), 0);
    assert_int_not_equal(PARSE(&o, "requeue"), 0);
    assert_int_not_equal(PARSE(&o, "requeue", "--all", ID), 0);
    assert_int_not_equal(PARSE(&o, "requeue", ID, "--reason", "x"), 0);
    assert_int_not_equal(PARSE(&o, "requeue", "--all", "--reason"), 0);
    assert_int_not_equal(PARSE(&o, "discard", "--all"), 0);
    assert_int_not_equal(PARSE(&o, "settle", ID), 0);
    assert_int_not_equal(PARSE(&o, "settle", "--refunded"), 0);
    assert_int_not_equal(PARSE(&o, "settle", ID, "--refunded", "--refunded"), 0);
    assert_int_not_equal(PARSE(&o, "discard", ID, "--refunded"), 0);
}

static void test_limit(void **state)
{
    static const char *const BAD[] = {"0", "-1", "x", "5x", "", "1000001", "99999999999999999999"};
    struct options o;
    (void)state;
    assert_int_equal(PARSE(&o, "jobs", "ready"), 0);
    assert_int_equal(o.limit, 50);
    assert_int_equal(PARSE(&o, "jobs", "--limit", "7", "dead"), 0);
    assert_int_equal(o.limit, 7);
    assert_string_equal(o.argument, "dead");
    assert_int_equal(PARSE(&o, "jobs", "dead", "--limit=1000000"), 0);
    assert_int_equal(o.limit, 1000000);
    for (size_t i = 0; i < LENGTH(BAD); i++)
        assert_int_not_equal(PARSE(&o, "jobs", "ready", "--limit", BAD[i]), 0);
}

static void test_wrong_usage(void **state)
{
    struct options o;
    (void)state;
    assert_int_not_equal(parse(&o, 0, NULL), 0);
    assert_int_not_equal(PARSE(&o, "dance"), 0);
    assert_string_equal(error, "unknown command dance");
    assert_int_not_equal(PARSE(&o, "order"), 0);
    assert_string_equal(error, "usage: tiffin-ctl order <id>");
    assert_int_not_equal(PARSE(&o, "order", ID, ID), 0);
    assert_int_not_equal(PARSE(&o, "jobs", "lost"), 0);
    assert_int_not_equal(PARSE(&o, "jobs", "ready", "--limit"), 0);
    assert_int_not_equal(PARSE(&o, "status", "--repair"), 0);
    assert_int_not_equal(PARSE(&o, "status", "--limit", "5"), 0);
    assert_int_not_equal(PARSE(&o, "status", "--verbose"), 0);
}

static void test_help_needs_nothing_else(void **state)
{
    struct options o;
    (void)state;
    assert_int_equal(PARSE(&o, "--help"), 0);
    assert_true(o.is_help);
    assert_int_equal(o.command, COMMAND_COUNT);
    assert_int_equal(PARSE(&o, "order", "--help"), 0);
    assert_int_equal(o.command, COMMAND_ORDER);
    assert_int_equal(PARSE(&o, "--version"), 0);
    assert_true(o.is_version);
}

static void test_ids(void **state)
{
    static const char *const BAD[] = {"order_1",
                                      "update_1",
                                      ID "x",
                                      "order_00abcdefghijklmnopqrs1",
                                      "order_01abcdefghijklmnopqrst",
                                      "update_00" ID,
                                      "x"};
    struct options o;
    (void)state;
    assert_int_equal(PARSE(&o, "order", ID), 0);
    assert_int_equal(options_check_argument(&o, error, sizeof error), 0);
    assert_int_equal(PARSE(&o, "requeue", "update_00abcdefghijklmnopqrst"), 0);
    assert_int_equal(options_check_argument(&o, error, sizeof error), 0);
    assert_int_equal(PARSE(&o, "jobs", "ready"), 0);
    assert_int_equal(options_check_argument(&o, error, sizeof error), 0);
    for (size_t i = 0; i < LENGTH(BAD); i++) {
        assert_int_equal(PARSE(&o, "order", BAD[i]), 0);
        assert_int_not_equal(options_check_argument(&o, error, sizeof error), 0);
        assert_non_null(strstr(error, "is not the id of"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),    cmocka_unit_test(test_limit),
        cmocka_unit_test(test_wrong_usage), cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_ids),         cmocka_unit_test(test_all_and_money),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
