/* Joins and leaves, told in few lines: the first goes out at once, what follows within 100 ms is
 * one line. */
#ifndef TIFFIN_WS_ANNOUNCE_H
#define TIFFIN_WS_ANNOUNCE_H

#include "order/chat.h"

struct ev_loop;

void announce_start(struct ev_loop *loop);
void announce_stop(void);
/* Somebody came (CHAT_JOIN) or went (CHAT_LEAVE). */
void announce(enum chat_kind kind);
/* Tells at once what is waiting. */
void announce_flush(void);

#endif
