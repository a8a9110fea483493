/* Accepting connections within the event loop. */
#ifndef TIFFIN_BASE_ACCEPT_H
#define TIFFIN_BASE_ACCEPT_H

#include <ev.h>

/* A new connection. The fd is the callee's to close. */
typedef void (*accept_fn)(int fd);

/* One listening socket; owned by who embeds it, still until accept_stop(). */
struct acceptor {
    struct ev_loop *loop;
    ev_io readable;
    ev_timer pause; /* runs while the process has no descriptor or memory left */
    int flags;
    accept_fn fn;
};

/* Calls fn for each connection, as long as accept_stop() is not called. listen_fd must be
 * non-blocking and stays the caller's; flags are those of accept4(2), SOCK_CLOEXEC is added. When
 * descriptors or memory run out it pauses for a tenth of a second, logged, and the kernel's backlog
 * holds who comes meanwhile. Any other error concerns one connection that is gone already
 * (accept(2), "Error handling"), and the next is taken. */
void accept_start(struct acceptor *a, struct ev_loop *loop, int listen_fd, int flags, accept_fn fn);
/* Takes no more; listen_fd stays open. Idempotent, also when it was never started. */
void accept_stop(struct acceptor *a);

#endif
