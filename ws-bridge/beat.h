/* The bridge's heartbeat: tells Redis, and over the channel all bridges, how many clients are here.
 * What comes of it:
 *
 *   its answer           how many clients all bridges have (room), and which message is the newest
 *                        (feed)
 *   its echo             the subscription is alive: a half-open one says nothing, and so does PING
 *   those of others      how many clients all bridges have
 *   none of it, at last  Redis forgets a killed bridge's clients
 */
#ifndef TIFFIN_WS_BEAT_H
#define TIFFIN_WS_BEAT_H

#include <stdint.h>

#include "order/chat.h"

struct ev_loop;
struct rds;

/* commands: to send on; channel: the subscription over which the echo comes. Both must outlive the
 * beat. */
void beat_start(struct ev_loop *loop, struct rds *commands, struct rds *channel);
/* Sends the last beat, at which the others forget this bridge's clients; answers are ignored from
 * now on. */
void beat_leave(void);
void beat_stop(void);

/* Sends one: to be called about once a second while Redis is up. */
void beat_send(void);
/* A client joined or left: the others are told soon, at most ten times a second. */
void beat_count_changed(void);

/* A CHAT_BEAT has come over the channel. */
void beat_receive(const struct chat_line *line);
/* One of the connections was lost: no echo is expected until the next answer. */
void beat_disconnected(void);

/* Is an echo overdue, at this time by clock_mono_ms()? Late (1.5 s): the bridge is not ready. Lost
 * (3 s): the subscription is half-open. */
int beat_is_late(int64_t now_ms);
int beat_is_lost(int64_t now_ms);

#endif
