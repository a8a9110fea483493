/* One connection to a Redis master inside the event loop: hiredis async behind a small module. No
 * hiredis header is needed beyond it (tests/lint/layers.sh).
 *
 *          connect            AUTH, CLIENT SETNAME, PING, ROLE, TIME all ok
 *   DOWN ----------> CONNECTING ----------> UP
 *    ^                   |                   |
 *    +--- back-off ------+------- lost ------+     10 ms doubling to 1 s, with jitter; from the
 *                                                  start again once it was UP for a second
 *
 * Every command is completed exactly once, also when it could not be sent, and never before
 * rds_send() has returned. A command that has no answer after timeout_ms gives up the whole
 * connection: answers come in order, so all later ones would be late too.
 *
 * Blocking commands (XREAD BLOCK, BLMOVE) need an rds of their own with a longer timeout; so does
 * a subscription.
 * With options.acks a command is RDS_OK only when so many replicas have acknowledged it; commands
 * that are sent together wait together (group commit, rds_acks.c).
 * Once a second an idle-or-not connection is asked for Redis' time: that keeps rds_now_ms() right
 * and finds a half-open connection (not done where options.blocking is set). */
#ifndef TIFFIN_BASE_RDS_H
#define TIFFIN_BASE_RDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/command.h"
#include "base/rds_reply.h"

struct address;
struct ev_loop;
struct rds;
struct rds_cmd;
struct redisReply;

enum rds_outcome {
    RDS_OK,      /* a reply that is not an error */
    RDS_ERROR,   /* Redis answered with an error: text has it */
    RDS_LOST,    /* the connection broke, or too few replicas have it: the command may or may not
                    have been executed, and what it did may vanish */
    RDS_TIMEOUT, /* no answer in time: as RDS_LOST */
    RDS_UNSENT,  /* certainly not executed: there was no connection, or Redis is a replica, has too
                    few of them, or has not the slot (text says) */
};

struct rds_result {
    enum rds_outcome outcome;
    const struct redisReply *reply; /* RDS_OK only; dies when the callback returns */
    const char *text;               /* never NULL: the error in one line */
};

/* Exactly once for each command that is not cancelled. May call any rds_ function but rds_free.
 * While a lost connection's commands are completed, rds_is_up() may still say 1; a command sent
 * again at once is then RDS_UNSENT, and so in a circle: wait for on_state, or for a timer. */
typedef void (*rds_reply_fn)(void *arg, const struct rds_result *result);
/* The connection came up (is_up 1) or went down (0). May issue commands. */
typedef void (*rds_state_fn)(void *arg, int is_up);

/* Who knows where the master of a shard is (where.h). It outlives the connections it is given to.
 */
struct rds_finder {
    /* NULL and *ret; or why it is not known now, in one line that lives until the next call. Asked
     * again at each try. */
    const char *(*find)(struct rds_finder *f, int shard, struct address *ret);
    /* What it said did not hold: no connection, a lost one, no master. */
    void (*doubt)(struct rds_finder *f);
    TAILQ_HEAD(rds_users, rds) users;
};
void rds_finder_init(struct rds_finder *f);
/* It knows better now: connections to other places are given up, and those that wait do not. */
void rds_finder_changed(struct rds_finder *f);

enum rds_greeting {
    RDS_GREET_MASTER,   /* a Redis that is no master is given up */
    RDS_GREET_SENTINEL, /* signs in only if there is a password of that user, and asks no more */
};

struct rds_options {
    struct rds_finder *finder; /* says where; or, when it is NULL, ... */
    const char *address;       /* ... unix path (has a '/') or host:port; kept by reference */
    enum rds_greeting greeting;
    const char *user;        /* Redis ACL user, its password from conf_secret(); by reference */
    const char *client_name; /* shown by CLIENT LIST; no spaces; by reference */
    int timeout_ms;
    int blocking;          /* 1: only for blocking commands */
    int acks;              /* replicas that must have a command before it is RDS_OK; 0 = none */
    int shard;             /* which the finder is asked for; told by rds_shard() */
    rds_state_fn on_state; /* may be NULL */
    void *arg;
};

/* Starts connecting; never fails: a Redis that is away is an ordinary state. */
struct rds *rds_new(struct ev_loop *loop, const struct rds_options *options);
/* Drops the connection; pending commands are cancelled, not completed, and must not be handed to
 * rds_cancel() any more. NULL ok. */
void rds_free(struct rds *r);

/* What options.shard said. */
int rds_shard(const struct rds *r);
int rds_is_up(const struct rds *r);
/* Why it is down, in one line; "" while up. Valid until the next state change. */
const char *rds_reason(const struct rds *r);
/* Milliseconds since the epoch by Redis' clock, as learnt at the last TIME (at most about a second
 * ago) and counted on from there by a clock that never jumps, so a wall clock that is set here
 * changes nothing; by our own wall clock before the first TIME. */
int64_t rds_now_ms(const struct rds *r);
/* Learns it anew now, not only when the second is over: a call was refused as late although it was
 * not, so Redis' clock was set. */
void rds_ask_time(struct rds *r);

/* Sends a command and releases it; its arguments have been copied on return. The result is owned by
 * rds; it may be passed to rds_cancel() until its callback has been called. fn NULL: the answer
 * is dropped. */
struct rds_cmd *rds_send(struct rds *r, struct redis_command *command, rds_reply_fn fn, void *arg);
/* The same for n arguments at hand, each a C string. */
static inline struct rds_cmd *rds_callv(struct rds *r, rds_reply_fn fn, void *arg, size_t n,
                                        const char *const argv[])
{
    struct redis_command command;
    command_set(&command, n, argv);
    return rds_send(r, &command, fn, arg);
}
/* The same with the arguments listed: rds_call(r, fn, arg, "HGET", key, field). */
#define rds_call(r, fn, arg, ...) \
    rds_callv((r), (fn), (arg), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
              (const char *const[]){__VA_ARGS__})

/* A message on the channel of a subscription; the bytes die when it returns. */
typedef void (*rds_message_fn)(void *arg, const char *bytes, size_t n);
/* Makes of an rds a subscription, for as long as it lives: to be called once, directly after
 * rds_new() with options.blocking, and no command may be sent on it (hiredis before 1.1 takes the
 * next message for the answer). It is "up", and on_state says so, when Redis has confirmed the
 * subscription, and it subscribes again by itself after each reconnect. What was published in
 * between is lost: a reader that needs all of it reads a log. The channel is kept by reference. */
void rds_subscribe(struct rds *r, const char *channel, rds_message_fn fn, void *arg);

/* Gives a connection up that is known to be useless (half-open, say); it comes up again by itself.
 * What is pending is RDS_LOST. Nothing is called back before it returns. */
void rds_drop(struct rds *r, const char *why);

/* The requester is gone: its callback will not be called. The command itself still runs. */
void rds_cancel(struct rds_cmd *cmd);

/* True when the error says that Redis cannot serve now (OOM, MISCONF, BUSY…), or
 * when there was no answer at all: worth a 503 and another try. */
int rds_is_unavailable(const struct rds_result *result);
/* True when Redis has not the function that was called: its libraries were not loaded. */
int rds_is_without_function(const struct rds_result *result);
/* True when the command may have been executed although no answer came. */
int rds_is_unknown(const struct rds_result *result);

#endif
