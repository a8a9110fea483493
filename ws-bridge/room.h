/* The members of the chat at this bridge, and the fan-out to them.
 *
 * What is broadcast in one turn of the loop (in a full room: within some milliseconds) is put into
 * one chunk for the plain clients and one for the JSON clients, encoded once; when the turn ends
 * each client's send queue gets a pointer to it. */
#ifndef TIFFIN_WS_ROOM_H
#define TIFFIN_WS_ROOM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "order/chat.h"
#include "ws-bridge/posts.h"

struct client;
struct ev_loop;

/* A client that has opened, as the chat knows it. */
struct member {
    TAILQ_ENTRY(member) link; /* in a list of the room */
    struct client *client;
    struct resume *resume; /* resume.c's: NULL = it is not resuming */
    struct posts posts;    /* posts.c's */
    unsigned char is_live; /* is sent what is broadcast */
};

void room_start(struct ev_loop *loop);
/* All must have left. */
void room_stop(void);

/* A client that has opened. It counts as present and is not live yet. -> the room's, valid until
 * room_leave() */
struct member *room_enter(struct client *c);
/* From now on it is sent what is broadcast (and nothing that was before, in this turn too). May
 * close its client before it returns; the member is gone then. No-op if it is live. */
void room_go_live(struct member *m);
/* It is open no more: frees the member. */
void room_leave(struct member *m);
/* Calls fn with each member that is not live yet; fn may make it live or close it. */
void room_each_waiting(void (*fn)(struct member *m));

/* Open clients of this bridge; of all bridges, by the last beats. */
int64_t room_here(void);
int64_t room_present(void);
/* Open clients of the other bridges; a negative number, from a beat that is older than what is
 * known here, counts as 0. Broadcasts a change. */
void room_set_elsewhere(int64_t n);

/* To all who are live. */
void room_broadcast(const struct chat_line *line); /* a message or an update; kept in the history */
void room_broadcast_crowd(enum chat_kind kind, int64_t n); /* so many joined, or left */
void room_broadcast_json(const char *json);                /* to the JSON clients only; copied */

/* Fans out what was broadcast, at once or a moment later, and sends (clients_turn): to be called
 * once in each turn, last. */
void room_turn(void);

/* Closes all 1001, spread over so many ms; later those who come meanwhile. */
void room_drain(int ms);

#endif
