#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/command.h"

static void a_short_command_needs_no_allocation(void **state)
{
    (void)state;
    struct redis_command cmd;
    command_fcall(&cmd, "f", 1);
    command_join(&cmd, "order:", "7");
    command_add_int(&cmd, -12);
    command_add_format(&cmd, "%s-%d", "x", 3);
    assert_int_equal(cmd.n, 6);
    assert_ptr_equal(cmd.argv, cmd.own_argv);
    assert_null(cmd.chunks);
    const char *const EXPECTED[] = {"FCALL", "f", "1", "order:7", "-12", "x-3"};
    for (size_t i = 0; i < LENGTH(EXPECTED); i++) {
        assert_string_equal(cmd.argv[i], EXPECTED[i]);
        assert_int_equal(cmd.lengths[i], strlen(EXPECTED[i]));
    }
    command_release(&cmd);
    assert_int_equal(cmd.n, 0);
}

static void numbers_at_their_ends(void **state)
{
    (void)state;
    static const int64_t NUMBERS[] = {0, 9, 10, -1, INT32_MAX, INT64_MAX, INT64_MIN};
    struct redis_command cmd;
    command_begin(&cmd, "X");
    for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", (long long)NUMBERS[i]);
        command_add_int(&cmd, NUMBERS[i]);
        assert_string_equal(cmd.argv[1 + i], expected);
    }
    command_release(&cmd);
}

/* What has been added stays where it is while the command grows. */
static void it_grows(void **state)
{
    enum { N = 5000 };
    (void)state;
    struct redis_command cmd;
    command_begin(&cmd, "DEL");
    for (int i = 0; i < N; i++)
        command_add_format(&cmd, "key:%d", i);
    assert_int_equal(cmd.n, 1 + N);
    assert_string_equal(cmd.argv[0], "DEL");
    for (int i = 0; i < N; i++) {
        char expected[24];
        snprintf(expected, sizeof expected, "key:%d", i);
        assert_string_equal(cmd.argv[1 + i], expected);
        assert_int_equal(cmd.lengths[1 + i], strlen(expected));
    }
    command_release(&cmd);
}

static void a_text_longer_than_its_room(void **state)
{
    (void)state;
    static char text[100000];
    struct redis_command cmd;
    memset(text, 'x', sizeof text - 1);
    command_begin(&cmd, "GET");
    command_join(&cmd, "prefix:", text);
    command_join(&cmd, "short:", "1");
    assert_int_equal(cmd.lengths[1], 7 + sizeof text - 1);
    assert_int_equal(strlen(cmd.argv[1]), cmd.lengths[1]);
    assert_string_equal(cmd.argv[2], "short:1");
    command_release(&cmd);
}

static void zeros_are_an_empty_command(void **state)
{
    (void)state;
    struct redis_command cmd = {0};
    command_add_format(&cmd, "%s", "PING");
    assert_int_equal(cmd.n, 1);
    assert_string_equal(cmd.argv[0], "PING");
    command_release(&cmd);
}

static void any_bytes(void **state)
{
    (void)state;
    struct redis_command cmd;
    command_begin(&cmd, "SET");
    command_add_bytes(&cmd, "a\0b", 3);
    assert_int_equal(cmd.lengths[1], 3);
    assert_memory_equal(cmd.argv[1], "a\0b", 3);
    command_release(&cmd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_command_needs_no_allocation),
        cmocka_unit_test(numbers_at_their_ends),
        cmocka_unit_test(it_grows),
        cmocka_unit_test(a_text_longer_than_its_room),
        cmocka_unit_test(zeros_are_an_empty_command),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests_name("base/command", tests, NULL, NULL);
}
