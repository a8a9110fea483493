/* What the parts of rds.h share: rds.c (the connection), rds_commands.c (what is sent over it and
 * comes back), rds_result.c (what that means), rds_finder.c (another master) and rds_acks.c
 * (replicas). No other file includes this. */
#ifndef TIFFIN_BASE_RDS_INTERNAL_H
#define TIFFIN_BASE_RDS_INTERNAL_H

#include <ev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/rds.h"
#include "base/resolve.h"

#define BACKOFF_FIRST_MS 10

enum rds_state { RDS_DOWN, RDS_CONNECTING, RDS_UP };

struct rds_cmd {
    TAILQ_ENTRY(rds_cmd) link;
    struct rds *owner;
    rds_reply_fn fn; /* NULL once cancelled */
    void *arg;
    int64_t sent_at_ms; /* by a clock that never jumps; ev_now() would */
    int is_wait;        /* for the acknowledgements of those before it */
    redisReply *answer; /* a copy, kept back until they are there */
    char *bytes;        /* of one that is not sent yet, as they will go out */
    int n_bytes;
#ifdef TIFFIN_CRASH_POINTS
    char name[32];
#endif
};

TAILQ_HEAD(cmd_list, rds_cmd);

struct rds {
    struct ev_loop *loop;
    struct rds_options options;
    TAILQ_ENTRY(rds) user; /* of its finder */
    struct address to;
    enum rds_state state;
    struct resolve *lookup;     /* of Redis' host, between two connections; else NULL */
    redisAsyncContext *context; /* NULL while DOWN */
    char reason[160];
    enum rds_outcome failing_as; /* what a NULL reply means now */
    int backoff_ms;
    int64_t up_since_ms;     /* by the monotonic clock; 0 = it is not up */
    unsigned failures;       /* in a row: each tries another address of the host */
    int is_freed;            /* rds_free() runs: nothing is completed any more */
    int must_drop;           /* the server refused us: give the connection up when this turn ends */
    char refusal[160];       /* its words */
    int64_t clock_offset_ms; /* of Redis' clock from our monotonic one */
    const char *channel;     /* of a subscription, else NULL */
    rds_message_fn on_message;
    void *message_arg;

    struct cmd_list pending; /* sent, in order of their answers */
    struct cmd_list unsent;  /* to be completed at the loop boundary */

    /* With options.acks: rds_acks.c. */
    struct cmd_list answered; /* their acknowledgements are waited for */
    struct cmd_list queued;   /* behind the WAIT under way */
    size_t n_unacknowledged;  /* sent since the last WAIT */
    int is_waiting;           /* a WAIT is under way */

    ev_io read_watcher, write_watcher;
    int wants_write;
    ev_prepare settle; /* never started, only fed: runs last in this loop turn, see settle_soon */
    ev_timer deadline; /* of the oldest pending command, or of connecting */
    ev_timer retry;
    ev_timer probe;
};

/* Has on_settle() run at the end of this loop turn. The watcher has the lowest priority, so all
 * other callbacks of the turn come first: their commands leave in one write. */
void rds_settle_soon(struct rds *r);
/* Starts or stops the deadline of the oldest pending command. */
void rds_arm_deadline(struct rds *r);
/* Has the connection given up at the end of this turn: the server behind it does not serve us. */
void rds_refuse(struct rds *r, const char *why);
/* Does its finder name another place by now? Then it goes there, soon. */
void rds_leave_for_another(struct rds *r);
/* A command's one callback, and its end. reply and text die when it returns. */
void rds_complete(struct rds_cmd *cmd, enum rds_outcome outcome, const redisReply *reply,
                  const char *text);
/* Sends one that was formatted; without a connection it will be RDS_UNSENT. */
void rds_send_formatted(struct rds *r, struct rds_cmd *cmd);
/* Sends the WAIT; fn is called back with the connection. */
void rds_send_wait(struct rds *r, const struct redis_command *wait, rds_reply_fn fn);
/* A copy that outlives the callback (hiredis 0.14.1 frees its own), for rds_reply_free(). */
redisReply *rds_reply_copy(const redisReply *reply);
void rds_reply_free(redisReply *copy); /* NULL ok */
/* To be called at the end of a turn: the WAIT for what was sent in it. */
void rds_acks_turn(struct rds *r);
/* The connection is being freed: nothing is waited for any more. */
void rds_acks_release(struct rds *r);
/* Writes all commands of this loop turn with one write, without asking epoll first. */
void rds_flush(struct rds *r);
/* Completes those that could not be sent; their callbacks run before it returns. */
void rds_fail_unsent(struct rds *r);
/* Does this error mean that the server behind the connection cannot serve us, while a new
 * connection may reach one that can? */
int rds_means_reconnect(const char *error);
/* Does it come before anything was executed, and may pass by itself: a replica, a master without
 * enough of them, a slot that is elsewhere or on its way? */
int rds_means_not_executed(const char *error);

#endif
