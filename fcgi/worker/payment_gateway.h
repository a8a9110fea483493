/* The payment gateway, simulated: a client for a service that does not exist, with the ledger such
 * a service would keep (redis/functions/gateway.lua), its delay, and fault injection (the settings
 * TIFFIN_PAYMENT_…, drawn by dice.h). A real one would replace this pair of files and nothing else.
 *
 * What a real one promises too: a call carries an idempotency key, and a key that is known is
 * answered with its first result. So a call whose answer did not come is simply made again.
 *
 * A call is a struct gateway_call inside its caller, all zero while none is under way. Its answer
 * comes exactly once, never before the call has returned, unless payment_gateway_cancel() comes
 * first. */
#ifndef TIFFIN_WORKER_PAYMENT_GATEWAY_H
#define TIFFIN_WORKER_PAYMENT_GATEWAY_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "order/store.h"
#include "worker/dice.h"

struct payment_gateway;

enum gateway_answer {
    GATEWAY_CAPTURED, /* the money has moved */
    GATEWAY_DECLINED,
    GATEWAY_REFUNDED, /* the money is back */
    GATEWAY_NOTHING,  /* nothing was captured under this key, so nothing can be refunded */
    GATEWAY_UNKNOWN,  /* an error, or no answer in time: ask again under the same key */
};

/* `reason` is one line, "" unless the answer is UNKNOWN; it dies when the callback returns. The
 * callback may start the next call in the same gateway_call. */
typedef void (*gateway_answer_fn)(void *arg, enum gateway_answer answer, const char *reason);

struct gateway_call {
    struct payment_gateway *gateway; /* NULL: nothing is under way */
    ev_timer timer;
    struct rds_cmd *cmd;
    enum dice_outcome outcome; /* of a charge, drawn when it starts */
    int is_refund;
    int64_t amount_cents;
    char currency[8];
    char key[PAYMENT_KEY_SIZE];
    gateway_answer_fn fn;
    void *arg;
};

/* lease_until_ms: the lease of this worker, by Redis' clock (ms since the epoch; 0: not known). It
 * is read when a charge is sent, and the ledger refuses a new charge after it: a worker that was
 * stopped and has lost its lease must not move money that its successor has moved. Kept by
 * reference, as long as the gateway lives. Never fails; connects by itself. */
struct payment_gateway *payment_gateway_new(struct ev_loop *loop, const int64_t *lease_until_ms);
/* All calls must have been answered or cancelled. NULL ok. */
void payment_gateway_free(struct payment_gateway *g);
/* The connection to its ledger, for rds_is_up() and rds_reason(); the gateway owns it. */
struct rds *payment_gateway_ledger(struct payment_gateway *g);

/* Captures the amount under charge->payment_key, once for each key. The texts are copied; the
 * charge's deadline_ms is not read, the lease takes its place. Answers CAPTURED, DECLINED or
 * UNKNOWN. */
void payment_gateway_charge(struct payment_gateway *g, struct gateway_call *call,
                            const struct charge *charge, gateway_answer_fn fn, void *arg);
/* Gives back what was captured under this key (copied), once. Answers REFUNDED, NOTHING or
 * UNKNOWN. */
void payment_gateway_refund(struct payment_gateway *g, struct gateway_call *call, const char *key,
                            gateway_answer_fn fn, void *arg);
/* These charges are over for good: their entries in the ledger go, those of at most STORE_BATCH_MAX
 * keys. Answer: ["forgotten", n]; the command is for rds_cancel(). Only the simulation needs it. */
struct rds_cmd *payment_gateway_forget(struct payment_gateway *g, const char *const keys[],
                                       size_t n, rds_reply_fn fn, void *arg);
/* The caller is gone: its callback will not be called; a call already sent still takes effect. No
 * effect when none is under way. */
void payment_gateway_cancel(struct gateway_call *call);

#endif
