#include "ws-bridge/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/accept.h"
#include "ws-bridge/client.h"

static struct {
    struct acceptor acceptor;
    int fd;
    int is_open;
} listener;

static void on_accepted(int fd)
{
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a unix socket */
    client_new(fd);
}

void listener_open(struct ev_loop *loop, int listen_fd)
{
    listener.fd = listen_fd;
    listener.is_open = 1;
    accept_start(&listener.acceptor, loop, listen_fd, SOCK_NONBLOCK, on_accepted);
}

void listener_close(void)
{
    if (!listener.is_open)
        return;
    listener.is_open = 0;
    accept_stop(&listener.acceptor);
    close(listener.fd);
}
