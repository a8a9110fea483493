/* Requests of one kind to Redis, gathered into few commands: each of up to BATCH_MAX requests, with
 * an answer of its own for each of them. What is gathered in a turn of the loop goes out at its
 * end, unless so many commands have no answer yet that it has to wait for one. */
#ifndef TIFFIN_ORDER_BATCH_H
#define TIFFIN_ORDER_BATCH_H

#include <stddef.h>

#include "base/rds.h"

#define BATCH_MAX 32 /* requests of a command: Redis serves others in between */

struct batch_entry;
struct batch_call;

/* Sends one command for these requests, at least one. */
typedef void (*batch_send_fn)(struct rds *r, const void *const requests[], size_t n,
                              rds_reply_fn fn, void *arg);

struct batch {
    struct rds *rds;
    batch_send_fn send;
    struct batch_call *waiting; /* to be sent, the oldest first */
    struct batch_call *open;    /* the last of them, which may still be filled; or NULL */
    struct batch_call *sent;    /* those without an answer, the latest first */
    size_t n_sent;
    size_t unanswered_max; /* may be changed at any time */
};

/* unanswered_max: while so many commands have no answer, none is sent (0 = any): so requests
 * gather, the more of them the busier Redis is. */
void batch_init(struct batch *b, struct rds *r, batch_send_fn send, size_t unanswered_max);

/* This request goes out with this turn; it is borrowed until then. fn is called back exactly once,
 * never before this returns, as if the request had been a command alone: the reply is its part of
 * the whole, ["error", text] is RDS_ERROR. The result may be passed to batch_cancel() until then.
 */
struct batch_entry *batch_add(struct batch *b, const void *request, rds_reply_fn fn, void *arg);
/* The requester is gone: it is not called back. What was sent still runs. NULL ok. */
void batch_cancel(struct batch_entry *entry);

/* To be called once in each turn of the loop: sends what was gathered. */
void batch_turn(struct batch *b);
/* Frees what has no answer, after the connection was freed. */
void batch_release(struct batch *b);

#endif
