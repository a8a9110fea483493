/* The bridge's side to Redis: two connections, one for commands, one that is subscribed to the
 * chat's channel. What comes over the channel goes from here to whom it concerns (feed, beat,
 * room), and once a second both connections are looked after. */
#ifndef TIFFIN_WS_UPSTREAM_H
#define TIFFIN_WS_UPSTREAM_H

#include <stdint.h>

#include "order/chat.h"

struct ev_loop;
struct rds;

/* Connects, and starts feed and beat; on_moved: see feed_start(). A Redis that is away is an
 * ordinary state. */
void upstream_start(struct ev_loop *loop, void (*on_moved)(void));
/* The bridge is about to end: tells the others that its clients are gone, and beats no more. */
void upstream_leave(void);
/* Frees the connections. No command may be cancelled any more. */
void upstream_stop(void);

/* The connection for commands; valid until upstream_stop(). */
struct rds *upstream_commands(void);
/* Why the bridge is not ready, in one line that is valid until the next turn; NULL: it is. */
const char *upstream_trouble(void);

/* So many clients of this bridge joined or left: tells all bridges, this one too; or the room here,
 * while that is impossible. */
void upstream_announce(enum chat_kind kind, int64_t n);

#endif
