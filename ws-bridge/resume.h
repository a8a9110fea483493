/* Brings a JSON client from what it has (nothing, or everything up to an id) to the present, and
 * then makes it live: in history frames, oldest first, each when the one before has left its send
 * queue, out of memory or, when it was away for longer, out of Redis. */
#ifndef TIFFIN_WS_RESUME_H
#define TIFFIN_WS_RESUME_H

#include <stdint.h>

struct member;
struct rds;

/* commands: to read the log by. */
void resume_init(struct rds *commands);

/* A member that has just entered the room. after: the id of the last message it has, -1 = it is
 * new. Like resume_proceed(), it may make the member live, or close its client (too slow), before
 * it returns: the member may be gone then. */
void resume_start(struct member *m, int64_t after);
/* Something has changed: goes on if it can. No-op for a member that is not resuming. */
void resume_proceed(struct member *m);
/* The same for all: the feed has moved. */
void resume_all(void);
/* The client is open no more. No-op for a member that is not resuming. */
void resume_stop(struct member *m);

#endif
