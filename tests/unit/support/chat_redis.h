/* A redis-server with Tiffin's functions, for the tests of the bridge, and a connection to it that
 * plays all other programs: what is stored in the chat's log, and published, without us. */
#ifndef TIFFIN_TESTS_SUPPORT_CHAT_REDIS_H
#define TIFFIN_TESTS_SUPPORT_CHAT_REDIS_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "tests/unit/support/redis_server.h"

struct chat_redis {
    struct redis_server server;
    struct rds_sync *others;
    struct ev_loop *loop; /* of what is tested */
    ev_timer tick;        /* bounds every turn */
};

/* Starts the server, and sets conf so that upstream_start() finds it. For a group of tests. */
void chat_redis_init(struct chat_redis *r);
void chat_redis_release(struct chat_redis *r);
/* An empty Redis with user "ws" and the functions, and a loop. For each test. */
void chat_redis_open(struct chat_redis *r);
void chat_redis_close(struct chat_redis *r);

/* Kills the server, or what is left of it, and starts it again: it has lost its data. */
void chat_redis_restart(struct chat_redis *r);

/* Turns the loop once, for at most some milliseconds. */
void chat_redis_turn(struct chat_redis *r);

/* Sends a command as one of the others; fails the test on an error. */
void chat_redis_ask(struct chat_redis *r, size_t n, const char *const argv[]);
#define CHAT_ASK(r, ...) \
    chat_redis_ask(r, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                   (const char *const[]){__VA_ARGS__})
/* An id for it. Four live at a time. */
const char *chat_id(int64_t id);

/* Both halves of what chat_post does in one: messages "hi" of these ids into the log; one of them
 * onto the channel. */
void chat_redis_store(struct chat_redis *r, int64_t from, int64_t to);
void chat_redis_publish(struct chat_redis *r, int64_t id);

#define CHAT_WAIT_MS 60000 /* reached only when it will never come */
#define CHAT_UNTIL(r, condition) \
    do { \
        for (int64_t end_ = clock_mono_ms() + CHAT_WAIT_MS; !(condition); chat_redis_turn(r)) \
            if (clock_mono_ms() > end_) \
                fail_msg("waited in vain for %s", #condition); \
    } while (0)

#endif
