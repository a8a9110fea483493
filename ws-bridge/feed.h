/* The bridge's two connections to Redis: one hears the chat's channel, the other asks and posts.
 * Every message of the chat comes out of here once, in the order of its id, whatever happens to
 * either of them. */
#ifndef TIFFIN_WS_FEED_H
#define TIFFIN_WS_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "order/chat.h"

struct client;
struct ev_loop;
struct protocol_post;
struct rds;

void feed_start(struct ev_loop *loop);
/* This bridge is about to go: tells the others so. */
void feed_leave(void);
void feed_stop(void);

/* For commands: history (resume.c), figures (order/process_metrics.h). */
struct rds *feed_rds(void);
/* Has the log been read at least once? Before that nobody can be told what is new. */
int feed_is_loaded(void);
/* How many messages to ask the log for, if n would do: fewer where they may be long. */
int feed_look(int n);
/* The last message that came out; and the newest that Redis has been heard to have. */
int64_t feed_last(void);
int64_t feed_newest(void);
/* How often feed_newest() was asked of Redis so far. */
int64_t feed_beats(void);
/* What is wrong, in one line, or NULL: for /readyz. */
const char *feed_trouble(void);

/* Posts what a client said. It is answered by the feed itself; who gave a key is told when it is
 * stored. A failure is told to the client (JSON), or closes it 1013 (plain). The texts are copied.
 */
void feed_post(struct client *c, const struct protocol_post *said);
/* The client is open no more: its posts go on, their outcome is of no interest. */
void feed_forget(struct client *c);

/* A client came or went: the other bridges shall know their number soon. */
void feed_count_changed(void);
/* So many came or went: to all bridges, or at least to our own clients. */
void feed_announce(enum chat_kind kind, int64_t n);

#endif
