#include "base/accept.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

#define PER_TURN 256 /* so that a flood of connections leaves the loop time for those it has */
#define PAUSE_S 0.1

static int is_exhausted(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct acceptor *a = w->data;
    ev_io_start(loop, &a->readable);
}

static void pause_accepting(struct acceptor *a)
{
    log_warn("cannot accept: %s; pausing", strerror(errno));
    ev_io_stop(a->loop, &a->readable);
    ev_timer_set(&a->pause, PAUSE_S, 0.);
    ev_timer_start(a->loop, &a->pause);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop, (void)revents;
    struct acceptor *a = w->data;
    for (int i = 0; i < PER_TURN && ev_is_active(w); i++) {
        int fd = accept4(w->fd, NULL, NULL, a->flags | SOCK_CLOEXEC);
        if (fd >= 0)
            a->fn(fd);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (is_exhausted(errno))
            pause_accepting(a);
    }
}

void accept_start(struct acceptor *a, struct ev_loop *loop, int listen_fd, int flags, accept_fn fn)
{
    a->loop = loop;
    a->flags = flags;
    a->fn = fn;
    ev_init(&a->pause, on_pause_over);
    a->pause.data = a;
    ev_io_init(&a->readable, on_readable, listen_fd, EV_READ);
    a->readable.data = a;
    ev_io_start(loop, &a->readable);
}

void accept_stop(struct acceptor *a)
{
    if (!a->loop)
        return;
    ev_io_stop(a->loop, &a->readable);
    ev_timer_stop(a->loop, &a->pause);
}
