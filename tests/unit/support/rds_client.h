/* What the tests of rds share: a loop that can be turned until something is true, and a record of
 * how often and how a command was completed. */
#ifndef TIFFIN_TESTS_SUPPORT_RDS_CLIENT_H
#define TIFFIN_TESTS_SUPPORT_RDS_CLIENT_H

#include <ev.h>

#include "base/rds.h"
#include "tests/unit/support/wait.h"

struct seen {
    int n; /* completions */
    enum rds_outcome outcome;
    char text[200];      /* the error */
    char str[64];        /* the reply, when it is text */
    int64_t number;      /* the reply, when it is a number; else -1 */
    size_t len, str_len; /* of the reply */
};

struct rds_client {
    struct ev_loop *loop;
    ev_timer tick; /* bounds every turn */
    struct rds *rds;
    int ups, downs;
};

/* A loop, and a connection as `user` to the address. timeout_ms 5000 unless changed in options. */
void rds_client_init(struct rds_client *c, const char *address, const char *user);
void rds_client_open(struct rds_client *c, const struct rds_options *options);
/* Frees the connection and the loop. */
void rds_client_release(struct rds_client *c);

/* Turns the loop once, for at most some milliseconds. */
void rds_client_turn(struct rds_client *c);
/* Turns it for that long. */
void rds_client_turn_for(struct rds_client *c, int ms);

/* A rds_reply_fn that fills a struct seen. */
void seen_fill(void *arg, const struct rds_result *result);

#define WAIT_FOR(c, condition) WAIT_UNTIL(condition, rds_client_turn(c))

#endif
