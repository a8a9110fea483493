#include "ws-bridge/door.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ws-bridge/client.h"

#define ACCEPTS_PER_TURN 256
#define PAUSE_S 0.1

static struct {
    struct ev_loop *loop;
    ev_io listener;
    ev_timer pause;
    int is_open;
} door;

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    ev_io_start(loop, &door.listener);
}

static void on_knock(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)revents;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int one = 1;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            log_warn("cannot accept: %s; pausing", strerror(errno));
            ev_io_stop(loop, w);
            ev_timer_set(&door.pause, PAUSE_S, 0.);
            ev_timer_start(loop, &door.pause);
            return;
        }
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            continue; /* that one is gone already */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a path */
        client_new(fd);
    }
}

void door_open(struct ev_loop *loop, int listen_fd)
{
    door.loop = loop;
    door.is_open = 1;
    ev_io_init(&door.listener, on_knock, listen_fd, EV_READ);
    ev_init(&door.pause, on_pause_over);
    ev_io_start(loop, &door.listener);
}

void door_close(void)
{
    if (!door.is_open)
        return;
    door.is_open = 0;
    ev_io_stop(door.loop, &door.listener);
    ev_timer_stop(door.loop, &door.pause);
    close(door.listener.fd);
}
