/* Brings a JSON client from what it has (nothing, or everything up to an id) to the present, and
 * then lets it live: in history frames, oldest first, each when the one before has left its queue,
 * out of memory or, when it was away for longer, out of Redis. */
#ifndef TIFFIN_WS_RESUME_H
#define TIFFIN_WS_RESUME_H

struct client;

/* A client that has just been entered into the room. May let it live before it returns. */
void resume_start(struct client *c);
/* Goes on if it can: something has changed. NULL-safe for those who are up to date. */
void resume_proceed(struct client *c);
/* For all who wait: the feed has moved. */
void resume_all(void);
/* The client is open no more. */
void resume_stop(struct client *c);

#endif
