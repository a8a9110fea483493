/* Joins and leaves, announced in few lines: the first goes out at once, what follows within 100 ms
 * is one line (a throttle). */
#ifndef TIFFIN_WS_ANNOUNCE_H
#define TIFFIN_WS_ANNOUNCE_H

#include "order/chat.h"

struct ev_loop;

void announce_start(struct ev_loop *loop);
void announce_stop(void);
/* A client joined (CHAT_JOIN) or left (CHAT_LEAVE); nothing is announced without
 * TIFFIN_CHAT_ANNOUNCE. May announce before it returns. */
void announce(enum chat_kind kind);
/* Announces at once what is waiting. */
void announce_flush(void);

#endif
