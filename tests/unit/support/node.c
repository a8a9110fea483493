#include "tests/unit/support/node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/support/test.h"

static void say(struct node_link *l, const char *text)
{
    if (!l->node->is_silent)
        (void)send(l->io.fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer_sentinel(struct node_link *l)
{
    char text[80];
    const struct node *master = l->node->names;
    l->node->n_asked++;
    if (master)
        snprintf(text, sizeof text, "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05d\r\n", master->port);
    else
        snprintf(text, sizeof text, "*-1\r\n");
    say(l, text);
}

static void answer(struct node_link *l, const char *command)
{
    char text[80];
    if (strcmp(command, "PING") == 0) {
        say(l, "+PONG\r\n");
    } else if (strcmp(command, "TIME") == 0) {
        say(l, "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
    } else if (strcmp(command, "ROLE") == 0) {
        snprintf(text, sizeof text, "*1\r\n$%zu\r\n%s\r\n", strlen(l->node->role), l->node->role);
        say(l, text);
    } else if (strcmp(command, "SENTINEL") == 0) {
        answer_sentinel(l);
    } else if (strcmp(command, "WAIT") == 0) {
        l->node->n_waits++;
        if (!l->node->holds_waits)
            say(l, ":1\r\n");
    } else if (strcmp(command, "FAIL") == 0) {
        say(l, "-ERR no\r\n");
    } else {
        l->node->n_others++;
        say(l, "+OK\r\n");
    }
}

void node_acknowledge(struct node *n, int n_replicas)
{
    char text[32];
    snprintf(text, sizeof text, ":%d\r\n", n_replicas);
    for (size_t i = 0; i < NODE_LINKS_MAX; i++)
        if (n->links[i].io.fd >= 0)
            say(&n->links[i], text);
}

static void hang_up(struct node_link *l)
{
    ev_io_stop(l->node->loop, &l->io);
    close(l->io.fd);
    l->io.fd = -1;
}

/* Commands come whole: each is sent by one write, and few are on their way. */
static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop, (void)revents;
    struct node_link *l = io->data;
    char bytes[4096];
    ssize_t n = recv(io->fd, bytes, sizeof bytes - 1, 0);
    if (n <= 0) {
        hang_up(l);
        return;
    }
    bytes[n] = '\0';
    for (char *at = strchr(bytes, '*'); at; at = strchr(at + 1, '*')) {
        char command[32];
        if (sscanf(at, "*%*d\r\n$%*d\r\n%31[A-Z]", command) == 1)
            answer(l, command);
    }
}

static void on_connect(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)revents;
    struct node *n = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
    n->n_connects++;
    for (size_t i = 0; i < NODE_LINKS_MAX; i++) {
        struct node_link *l = &n->links[i];
        if (l->io.fd >= 0)
            continue;
        ev_io_init(&l->io, on_readable, fd, EV_READ);
        l->io.data = l;
        ev_io_start(loop, &l->io);
        return;
    }
    fail_msg("more connections than NODE_LINKS_MAX");
}

void node_start(struct node *n, struct ev_loop *loop)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *n = (struct node){.loop = loop, .role = "master"};
    for (size_t i = 0; i < NODE_LINKS_MAX; i++) {
        n->links[i].node = n;
        n->links[i].io.fd = -1;
    }
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(fd, 8), 0);
    n->port = ntohs(at.sin_port);
    ev_io_init(&n->listener, on_connect, fd, EV_READ);
    n->listener.data = n;
    ev_io_start(loop, &n->listener);
}

void node_stop(struct node *n)
{
    if (!n->port)
        return;
    for (size_t i = 0; i < NODE_LINKS_MAX; i++)
        if (n->links[i].io.fd >= 0)
            hang_up(&n->links[i]);
    ev_io_stop(n->loop, &n->listener);
    close(n->listener.fd);
    n->port = 0;
}
