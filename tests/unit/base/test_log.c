#include "tests/unit/support/test.h"

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* Standard error becomes a datagram socket while a test writes to it: one datagram, one write(). */
static int listener = -1, kept_stderr = -1;

static int capture(void **state)
{
    int pair[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair))
        return -1;
    kept_stderr = dup(STDERR_FILENO);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    listener = pair[0];
    log_init("tiffin-test", LOG_INFO);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    close(listener);
    return 0;
}

/* The next write, or NULL when there was none. */
static const char *next_write(void)
{
    static char line[4096];
    ssize_t n = recv(listener, line, sizeof line - 1, 0);
    if (n < 0)
        return NULL;
    line[n] = '\0';
    return line;
}

/* What follows "time level program[pid]: ". */
static const char *message_of(const char *line)
{
    assert_non_null(line);
    const char *message = strstr(line, "]: ");
    assert_non_null(message);
    return message + 3;
}

static void line_has_time_level_program_and_pid(void **state)
{
    (void)state;
    log_warn("Redis is away; retrying in %d ms", 400);
    char pattern[200];
    regex_t regex;
    snprintf(pattern, sizeof pattern,
             "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z warn "
             "tiffin-test\\[%d\\]: Redis is away; retrying in 400 ms\n$",
             (int)getpid());
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    const char *line = next_write();
    assert_non_null(line);
    assert_int_equal(regexec(&regex, line, 0, NULL, 0), 0);
    regfree(&regex);
}

static void each_line_is_one_write(void **state)
{
    (void)state;
    log_info("first %s", "line");
    log_error("second");
    assert_string_equal(message_of(next_write()), "first line\n");
    const char *line = next_write();
    assert_non_null(strstr(line, " error tiffin-test["));
    assert_string_equal(message_of(line), "second\n");
    assert_null(next_write());
}

static int times_evaluated;

static int costly(void)
{
    return ++times_evaluated;
}

static void lower_levels_are_not_written(void **state)
{
    (void)state;
    for (int lowest = LOG_DEBUG; lowest <= LOG_ERROR; lowest++) {
        log_init("tiffin-test", (enum log_level)lowest);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_write((enum log_level)level, "x");
            assert_int_equal(log_enabled((enum log_level)level), level >= lowest);
            assert_int_equal(next_write() != NULL, level >= lowest);
        }
    }
    times_evaluated = 0;
    log_debug("%d", costly());
    assert_int_equal(times_evaluated, 0);
    log_init("tiffin-test", LOG_DEBUG);
    log_debug("%d", costly());
    assert_string_equal(message_of(next_write()), "1\n");
}

static void control_characters_are_masked(void **state)
{
    (void)state;
    log_info("a\nb\rc\td\x1b[31me\x7f\x01%c.", '\n');
    assert_string_equal(message_of(next_write()), "a?b?c?d?[31me???.\n");
}

static void utf8_passes(void **state)
{
    (void)state;
    log_info("%s", "caf\xc3\xa9 \xf0\x9f\x8d\x9b");
    assert_string_equal(message_of(next_write()), "caf\xc3\xa9 \xf0\x9f\x8d\x9b\n");
}

static void long_line_is_cut_at_1_kb(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
    const char *line = next_write();
    assert_non_null(line);
    assert_int_equal(strlen(line), 1024);
    assert_string_equal(line + 1020, "xxx\n");
    assert_null(next_write());
}

static void closed_standard_error_does_no_harm(void **state)
{
    (void)state;
    close(STDERR_FILENO);
    log_error("nobody reads this");
    dup2(kept_stderr, STDERR_FILENO);
}

static void lines_without_room_are_lost_and_counted(void **state)
{
    (void)state;
    int pipe_ends[2], written = 0;
    char rest[65536 + 1];
    assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
    dup2(pipe_ends[1], STDERR_FILENO);
    close(pipe_ends[1]);
    memset(rest, 'x', sizeof rest);
    while (write(STDERR_FILENO, rest, 1024) > 0)
        written++;

    log_error("lost 1");
    log_error("lost 2");
    for (; written > 0; written--)
        assert_int_equal(read(pipe_ends[0], rest, 1024), 1024);
    assert_int_equal(read(pipe_ends[0], rest, 1), -1);
    log_error("there again");
    log_error("as ever");
    ssize_t n = read(pipe_ends[0], rest, sizeof rest - 1);
    dup2(kept_stderr, STDERR_FILENO);
    close(pipe_ends[0]);

    assert_true(n > 0);
    rest[n] = '\0';
    char *next;
    assert_string_equal(message_of(strtok_r(rest, "\n", &next)), "2 log lines were lost");
    assert_string_equal(message_of(strtok_r(NULL, "\n", &next)), "there again");
    assert_string_equal(message_of(strtok_r(NULL, "\n", &next)), "as ever");
    assert_null(strtok_r(NULL, "\n", &next));
}

static void level_parse_knows_four_words(void **state)
{
    (void)state;
    assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
    assert_int_equal(log_level_parse("info"), LOG_INFO);
    assert_int_equal(log_level_parse("warn"), LOG_WARN);
    assert_int_equal(log_level_parse("error"), LOG_ERROR);
    static const char *const OTHERS[] = {"", "Info", "warning", "err", "info ", "0", "debugx"};
    for (size_t i = 0; i < LENGTH(OTHERS); i++)
        assert_int_equal(log_level_parse(OTHERS[i]), -1);
}

static void log_id_shows_six_characters(void **state)
{
    (void)state;
    assert_string_equal(log_id("order_00abcdefghijklmnopqrst"), "order_00abcd");
    assert_string_equal(log_id("update_00abcdefghijklmnopqrst"), "update_00abcd");
    assert_string_equal(log_id("order_00"), "order_00");
    assert_string_equal(log_id(""), "");
    assert_string_equal(log_id("nounderscorehere"), "nounde");
    assert_string_equal(log_id("averyveryverylongfirstword_abcdefgh"), "averyveryverylongfir");
    assert_string_equal(log_id("_abcdefgh"), "_abcdef");
}

static void four_log_ids_fit_one_line(void **state)
{
    (void)state;
    const char *a = log_id("order_00aaaaaaaa"), *b = log_id("order_00bbbbbbbb");
    const char *c = log_id("order_00cccccccc"), *d = log_id("order_00dddddddd");
    assert_string_equal(a, "order_00aaaa");
    assert_string_equal(b, "order_00bbbb");
    assert_string_equal(c, "order_00cccc");
    assert_string_equal(d, "order_00dddd");
    assert_ptr_equal(log_id("order_00eeeeeeee"), a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_has_time_level_program_and_pid, capture, restore),
        cmocka_unit_test_setup_teardown(each_line_is_one_write, capture, restore),
        cmocka_unit_test_setup_teardown(lower_levels_are_not_written, capture, restore),
        cmocka_unit_test_setup_teardown(control_characters_are_masked, capture, restore),
        cmocka_unit_test_setup_teardown(utf8_passes, capture, restore),
        cmocka_unit_test_setup_teardown(long_line_is_cut_at_1_kb, capture, restore),
        cmocka_unit_test_setup_teardown(closed_standard_error_does_no_harm, capture, restore),
        cmocka_unit_test_setup_teardown(lines_without_room_are_lost_and_counted, capture, restore),
        cmocka_unit_test(level_parse_knows_four_words),
        cmocka_unit_test(log_id_shows_six_characters),
        cmocka_unit_test(four_log_ids_fit_one_line),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
