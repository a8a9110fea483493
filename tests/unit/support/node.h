/* A Redis or a sentinel of the test's own making, on a port of 127.0.0.1 and in the test's own
 * loop: it says what the test wants it to, which real ones seldom say. */
#ifndef TIFFIN_TESTS_SUPPORT_NODE_H
#define TIFFIN_TESTS_SUPPORT_NODE_H

#include <ev.h>

#define NODE_LINKS_MAX 8

struct node;

struct node_link {
    struct node *node;
    ev_io io;
};

struct node {
    struct ev_loop *loop;
    int port;
    ev_io listener;
    struct node_link links[NODE_LINKS_MAX];
    int n_connects; /* so far */
    int n_asked;    /* SENTINEL get-master-addr-by-name, so far */

    /* May be changed at any time. */
    const char *role;         /* "master" */
    const struct node *names; /* as the master; NULL = it knows none of that name */
    int is_silent;            /* takes all, answers nothing */
    int holds_waits;          /* a WAIT is answered by node_acknowledge() only */
    int n_others, n_waits;    /* other commands, WAITs, so far */
};

void node_start(struct node *n, struct ev_loop *loop);
/* Answers the WAIT that is held: so many replicas have it. */
void node_acknowledge(struct node *n, int n_replicas);
/* Nobody is there any more: connections break, new ones are refused. */
void node_stop(struct node *n);

#endif
