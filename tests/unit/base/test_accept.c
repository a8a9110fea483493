/* Accepting with real sockets: all that wait, none after the stop, and a pause instead of a spin
 * when the process has no descriptor left. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/accept.h"

#define FDS_MAX 1000

static struct ev_loop *loop;
static struct acceptor acceptor;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listen_fd, fds[FDS_MAX], n_fds, stops_at_first;

static void on_fd(int fd)
{
    assert_true(n_fds < FDS_MAX);
    fds[n_fds++] = fd;
    if (stops_at_first)
        accept_stop(&acceptor);
}

static int begin(void **state)
{
    (void)state;
    /* An abstract name (unix(7)): nothing to clean up. */
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "tiffin-accept-%d", getpid());
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listen_fd, 512), 0);
    loop = ev_loop_new(EVFLAG_AUTO);
    memset(&acceptor, 0, sizeof acceptor);
    n_fds = stops_at_first = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    accept_stop(&acceptor);
    for (int i = 0; i < n_fds; i++)
        close(fds[i]);
    close(listen_fd);
    ev_loop_destroy(loop);
    return 0;
}

static int connected(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void all_that_wait_are_accepted_with_the_flags(void **state)
{
    (void)state;
    int clients[300]; /* more than one turn takes */
    for (int i = 0; i < 300; i++)
        clients[i] = connected();
    accept_start(&acceptor, loop, listen_fd, SOCK_NONBLOCK, on_fd);
    while (n_fds < 300)
        ev_run(loop, EVRUN_ONCE);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[299], F_GETFD) & FD_CLOEXEC);
    for (int i = 0; i < 300; i++)
        close(clients[i]);
}

static void stop_within_the_callback_is_obeyed(void **state)
{
    (void)state;
    int one = connected(), two = connected();
    stops_at_first = 1;
    accept_start(&acceptor, loop, listen_fd, 0, on_fd);
    ev_run(loop, 0); /* ends: nothing is watched any more */
    assert_int_equal(n_fds, 1);
    accept_stop(&acceptor);
    close(one);
    close(two);
}

static void stop_before_start_is_harmless(void **state)
{
    (void)state;
    accept_stop(&acceptor);
}

static void without_descriptors_it_pauses_and_goes_on(void **state)
{
    (void)state;
    struct rlimit before, none;
    int client = connected();
    accept_start(&acceptor, loop, listen_fd, 0, on_fd);
    ev_run(loop, EVRUN_NOWAIT); /* the loop has its own descriptors by now */
    assert_int_equal(n_fds, 1);
    int other = connected();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)other + 1; /* the next free number is over it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ev_run(loop, EVRUN_ONCE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(n_fds, 1);
    assert_false(ev_is_active(&acceptor.readable));
    assert_true(ev_is_active(&acceptor.pause));
    while (n_fds < 2)
        ev_run(loop, EVRUN_ONCE);
    close(client);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_wait_are_accepted_with_the_flags, begin, end),
        cmocka_unit_test_setup_teardown(stop_within_the_callback_is_obeyed, begin, end),
        cmocka_unit_test_setup_teardown(stop_before_start_is_harmless, begin, end),
        cmocka_unit_test_setup_teardown(without_descriptors_it_pauses_and_goes_on, begin, end),
    };
    return cmocka_run_group_tests_name("base/accept", tests, NULL, NULL);
}
