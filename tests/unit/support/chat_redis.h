/* A redis-server with Tiffin's functions, for the tests of the bridge, and a connection to it that
 * plays all other programs: what is stored in the chat's log, and published, without us. */
#ifndef TIFFIN_TESTS_SUPPORT_CHAT_REDIS_H
#define TIFFIN_TESTS_SUPPORT_CHAT_REDIS_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rds.h"
#include "tests/unit/support/redis_server.h"
#include "tests/unit/support/wait.h"

struct chat_redis {
    struct redis_server server;
    struct rds_sync *others;
    struct ev_loop *loop;           /* of what is tested */
    ev_timer tick;                  /* bounds every turn */
    struct rds *commands, *channel; /* of what is tested, by chat_redis_connect() */
};
extern struct chat_redis chat_redis; /* one a program */

/* Of a group of tests: starts the server, and sets conf so that upstream_start() finds it. */
int chat_redis_group_setup(void **state);
int chat_redis_group_teardown(void **state);
/* An empty Redis with user "ws" and the functions, and a loop. For each test. */
void chat_redis_open(void);
/* The connections that a module of the bridge is handed, not up yet; on_channel NULL: without the
 * channel. Freed by chat_redis_close(). */
void chat_redis_connect(rds_message_fn on_channel);
void chat_redis_close(void);

/* Kills the server, or what is left of it, and starts it again: it has lost its data. */
void chat_redis_restart(void);

/* Turns the loop once, for at most some milliseconds. */
void chat_redis_turn(void);

/* Sends a command as one of the others; fails the test on an error. */
void chat_redis_ask(size_t n, const char *const argv[]);
#define CHAT_ASK(...) \
    chat_redis_ask(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                   (const char *const[]){__VA_ARGS__})
/* An id for it. Four live at a time. */
const char *chat_id(int64_t id);

/* Both halves of what chat_post does in one: messages "hi" of these ids into the log; one of them
 * onto the channel. */
void chat_redis_store(int64_t from, int64_t to);
void chat_redis_publish(int64_t id);

#define CHAT_UNTIL(condition) WAIT_UNTIL(condition, chat_redis_turn())

#endif
