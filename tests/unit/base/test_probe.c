/* A health probe at sockets that listen_open() has opened; a child process answers there. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/probe.h"

#define QUESTION "are you well?"

static char dir[32], path[64];

static struct probe probe_for(char *answer, size_t wanted)
{
    return (struct probe){QUESTION, sizeof QUESTION - 1, answer, wanted};
}

/* A child takes one connection, and its question, and answers so. */
static pid_t answer_once(int listen_fd, const char *answer)
{
    char question[sizeof QUESTION] = "";
    pid_t parent = getpid(), child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || poll(&(struct pollfd){listen_fd, POLLIN, 0}, 1, -1) != 1)
        _exit(1);
    int fd = accept(listen_fd, NULL, NULL);
    if (recv(fd, question, sizeof question - 1, MSG_WAITALL) != sizeof question - 1 ||
        strcmp(question, QUESTION) != 0)
        _exit(1);
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) != (ssize_t)strlen(answer))
        _exit(1);
    _exit(0);
}

/* The child has heard the whole question, and the probe returned this. */
static void expect(pid_t child, int got, int expected)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(got, expected);
}

static void reads_so_many_bytes_of_the_answer(void **state)
{
    char answer[5] = "";
    const struct probe probe = probe_for(answer, 4);
    int fd = listen_open(path, 0);
    (void)state;
    assert_true(fd >= 0);
    pid_t child = answer_once(fd, "fine, and you?");
    expect(child, probe_ask(path, 0, &probe), 0);
    assert_string_equal(answer, "fine");
    close(fd);
}

static void a_short_answer_is_none(void **state)
{
    char answer[8];
    const struct probe probe = probe_for(answer, sizeof answer);
    int fd = listen_open(path, 0);
    (void)state;
    pid_t child = answer_once(fd, "fine");
    expect(child, probe_ask(path, 0, &probe), -EPIPE);
    close(fd);
}

static void a_port_is_counted_up(void **state)
{
    char answer[5] = "", address[32];
    const struct probe probe = probe_for(answer, 4);
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* listen_open() takes no port 0 */
    at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(at.sin_port) - 2);
    pid_t child = answer_once(fd, "fine");
    expect(child, probe_ask(address, 2, &probe), 0);
    assert_string_equal(answer, "fine");
    close(fd);
}

static void without_a_listener_it_says_why(void **state)
{
    char answer[1];
    const struct probe probe = probe_for(answer, 1);
    (void)state;
    unlink(path);
    assert_int_equal(probe_ask(path, 0, &probe), -ENOENT);
    close(listen_open(path, 0));
    assert_int_equal(probe_ask(path, 0, &probe), -ECONNREFUSED);
    assert_int_equal(probe_ask("no address", 0, &probe), -EINVAL);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tiffin-unit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/a.sock", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_so_many_bytes_of_the_answer),
        cmocka_unit_test(a_short_answer_is_none),
        cmocka_unit_test(a_port_is_counted_up),
        cmocka_unit_test(without_a_listener_it_says_why),
    };
    return cmocka_run_group_tests_name("base/probe", tests, make_dir, remove_dir);
}
