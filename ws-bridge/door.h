/* The listening socket: accepts within the loop, pauses while the process has no free descriptor.
 */
#ifndef TIFFIN_WS_DOOR_H
#define TIFFIN_WS_DOOR_H

struct ev_loop;

/* Takes the listening socket; each connection becomes a client. */
void door_open(struct ev_loop *loop, int listen_fd);
/* Nobody comes in any more; the socket is closed. Idempotent. */
void door_close(void);

#endif
