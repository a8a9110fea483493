/* Everybody who is in the chat at this bridge, and what is said to all of them at once.
 *
 * What is said in one turn of the loop (in a full room: within some milliseconds) is put into one
 * chunk for the plain clients and one for the JSON clients, encoded once; when the turn ends each
 * client gets a pointer to it. */
#ifndef TIFFIN_WS_ROOM_H
#define TIFFIN_WS_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "order/chat.h"

struct client;
struct ev_loop;

void room_start(struct ev_loop *loop);
void room_stop(void);

/* A client that has opened: it counts as present; it hears nothing yet. */
void room_enter(struct client *c);
/* From now on it hears what is said (and nothing of what was said before, in this turn too). */
void room_go_live(struct client *c);
/* It is open no more. */
void room_leave(struct client *c);
/* Calls fn with each client that is not live yet. */
void room_each_waiting(void (*fn)(struct client *c));

/* Open clients of this bridge; and of all, by the last beats. */
int64_t room_here(void);
int64_t room_present(void);
void room_set_elsewhere(int64_t n);

/* Says it to all who are live. */
void room_broadcast(const struct chat_line *line); /* a message or an update */
void room_broadcast_crowd(enum chat_kind kind, int64_t n);
void room_broadcast_json(const char *json); /* to the JSON clients */
/* To one. */
void room_send_json(struct client *c, const char *json);

/* Hands out what was said, at once or a moment later, and sends (clients_turn): to be called once
 * in each turn, last. */
void room_turn(void);

/* Closes all 1001, spread over so many ms; whoever comes later is closed as well. */
void room_drain(int ms);

#endif
