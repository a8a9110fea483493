/* conf_main(), what each program does first. It exits, so it runs in a child. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/version.h"

/* No setting is given. */
static int forget(void **state)
{
    (void)state;
    return clearenv();
}

static int health(char *why, size_t size)
{
    if (conf.port == 8000)
        return 0;
    snprintf(why, size, "not at home at %d", conf.port);
    return -EPROTO;
}

static int run_main(char *option, char *output, size_t size)
{
    int pipe_ends[2], status;
    assert_int_equal(pipe(pipe_ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char name[] = "prog";
        char *argv[] = {name, option, NULL};
        dup2(pipe_ends[1], STDOUT_FILENO);
        dup2(pipe_ends[1], STDERR_FILENO);
        conf_main(option ? 2 : 1, argv, "prog", "Does things.", health);
        _exit(42); /* it came back */
    }
    close(pipe_ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(pipe_ends[0], output + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    output[n] = '\0';
    close(pipe_ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void main_options(void **state)
{
    static char output[32768];
    char help[] = "--help", version[] = "--version", settings[] = "--settings";
    char check[] = "--check", well[] = "--health", other[] = "--frobnicate";
    (void)state;
    assert_int_equal(run_main(help, output, sizeof output), 0);
    assert_int_equal(strncmp(output, "prog " TIFFIN_VERSION "\nDoes things.\n", 10), 0);
    assert_non_null(strstr(output, "TIFFIN_PORT"));
    assert_int_equal(run_main(version, output, sizeof output), 0);
    assert_string_equal(output, "prog " TIFFIN_VERSION "\n");
    assert_int_equal(run_main(settings, output, sizeof output), 0);
    assert_string_equal(output, printed(conf_print_markdown));
    assert_int_equal(run_main(check, output, sizeof output), 0);
    assert_string_equal(output, "");
    assert_int_equal(run_main(well, output, sizeof output), 0);
    assert_string_equal(output, "");
    assert_int_equal(setenv("TIFFIN_PORT", "8001", 1), 0);
    assert_int_equal(run_main(well, output, sizeof output), 1);
    assert_string_equal(output, "prog: not at home at 8001\n");
    assert_int_equal(run_main(other, output, sizeof output), 1);
    assert_non_null(strstr(output, "unknown option --frobnicate"));
    assert_int_equal(run_main(NULL, output, sizeof output), 42);
    assert_string_equal(output, "");
}

static void main_stops_on_a_bad_value(void **state)
{
    char output[1024], check[] = "--check", help[] = "--help";
    (void)state;
    assert_int_equal(setenv("TIFFIN_PORT", "0", 1), 0);
    assert_int_equal(run_main(NULL, output, sizeof output), 1);
    assert_string_equal(output, "prog: TIFFIN_PORT=0: must be a whole number from 1 to 65535\n");
    assert_int_equal(run_main(check, output, sizeof output), 1);
    char long_output[32768];
    assert_int_equal(run_main(help, long_output, sizeof long_output), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(main_options, forget),
        cmocka_unit_test_setup(main_stops_on_a_bad_value, forget),
    };
    return cmocka_run_group_tests_name("base/conf main", tests, NULL, NULL);
}
