/* How a tool ends: what it has printed is written out, and what its callers still own is no leak.
 */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"
#include "base/mem.h"

static void on_exit_handler(void)
{
    fputs("a handler of atexit() ran\n", stderr);
}

static char *volatile owned;

/* The only pointer to it is gone, as that of a caller of a function that does not return. */
static void own_something(void)
{
    owned = mem_strdup("a reply");
    owned = NULL;
}

__attribute__((noreturn)) static void run_child(int out, int err)
{
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)atexit(on_exit_handler);
    own_something();
    printf("half a line");
    die_as("tiffin-tool", "%s is not dead: its job is %s", "order_1", "ready");
}

static void read_all(int fd, char *text, size_t size)
{
    ssize_t n;
    size_t len = 0;
    while ((n = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    (void)close(fd);
}

static void it_says_one_line_and_ends(void **state)
{
    int out[2], err[2], status;
    char printed[256], said[4096];
    (void)state;
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    (void)fflush(NULL); /* the child must not write it again */
    pid_t pid = fork();
    if (pid == 0)
        run_child(out[1], err[1]);
    (void)close(out[1]);
    (void)close(err[1]);
    read_all(out[0], printed, sizeof printed);
    read_all(err[0], said, sizeof said);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_string_equal(printed, "half a line");
    assert_string_equal(said, "tiffin-tool: order_1 is not dead: its job is ready\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_one_line_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
