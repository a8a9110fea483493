/* The feed: every message of the chat comes out of here once (room_broadcast), in the order of its
 * id, whatever happens to the connections to Redis. What has come over the channel and what stands
 * in the log meet here. */
#ifndef TIFFIN_WS_FEED_H
#define TIFFIN_WS_FEED_H

#include <stdint.h>

#include "order/chat.h"

struct rds;

/* How far it is. */
struct feed_position {
    int is_loaded;       /* the log was read at least once: before that it is unknown what is new */
    int64_t last;        /* id of the last message that came out, or was skipped */
    int64_t newest;      /* id of the newest that Redis said it had */
    int64_t newest_asks; /* how often it has said so */
};

/* commands: to read the log by. on_moved: who waits for the feed may go on; called when it is live
 * (again), and whenever Redis has said what is newest. */
void feed_start(struct rds *commands, void (*on_moved)(void));
/* Both connections are up. Reads the log if nobody does: harmless when called again, and to be
 * called again later, since a log that could not be read is not asked for again by itself. */
void feed_connected(void);
/* At least one is lost: what comes over the channel may have gaps from now on. */
void feed_disconnected(void);

/* A message or an update has come over the channel. */
void feed_receive(const struct chat_line *line);
/* Redis was asked when the last message was last_then (0 = not known), and said that the newest is
 * this: a gap at the end of the feed shows so, and a log that was lost. */
void feed_learn_newest(int64_t newest, int64_t last_then);

/* Always the same struct, which stays up to date. */
const struct feed_position *feed_position(void);
/* Nothing is being read, and messages come out as they come in. */
int feed_is_live(void);

#endif
