/* What clients post: each message's way to Redis, and its sender's answer. It is broadcast when it
 * comes back over the channel, to its sender too; nothing is broadcast from here. */
#ifndef TIFFIN_WS_POSTS_H
#define TIFFIN_WS_POSTS_H

#include <sys/queue.h>

struct client;
struct post;
struct protocol_post;
struct rds;

/* The posts of one client that are not answered yet. */
struct posts {
    struct client *client;
    LIST_HEAD(post_list, post) sent;
    int n;
};

/* commands: to post by. */
void posts_start(struct rds *commands);
/* After rds_free(commands): forgets what was not answered. */
void posts_stop(void);

void posts_init(struct posts *p, struct client *c);
/* Posts it; the texts are copied. Never answers before it returns. The client is told of a failure
 * (JSON), or closed 1013 (plain); of success, if the message has a key. A client with 64 posts that
 * are not answered is paused until half of them are. */
void posts_send(struct posts *p, const struct protocol_post *message);
/* The client is open no more: its posts go on, and are answered to no one. */
void posts_forget(struct posts *p);

#endif
