/* The listening socket of the bridge: each connection becomes a client. */
#ifndef TIFFIN_WS_LISTENER_H
#define TIFFIN_WS_LISTENER_H

struct ev_loop;

/* Takes the socket over, which must be non-blocking. Pauses as base/accept.h says. */
void listener_open(struct ev_loop *loop, int listen_fd);
/* Accepts no more and closes the socket, so that connects are refused and not left in its backlog.
 * Idempotent. */
void listener_close(void);

#endif
