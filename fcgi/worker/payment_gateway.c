/* One call:
 *
 *   charge/refund --payment_ms--> dice --capture, decline--> ledger ----> answer
 *                                   |----error-----------------------> UNKNOWN
 *                                   |----lost reply--> ledger (unheard) --+
 *                                   +----timeout--------------------------+--patience--> UNKNOWN
 *
 * Faults are injected into charges only; a refund always reaches the ledger. */
#include "worker/payment_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/where.h"

#define PATIENCE_MS 100 /* beyond twice the gateway's usual time: then the call is given up */

struct payment_gateway {
    struct ev_loop *loop;
    struct rds *ledger;
    const int64_t *lease_until_ms;
    struct dice_odds odds;
};

struct payment_gateway *payment_gateway_new(struct ev_loop *loop, const int64_t *lease_until_ms)
{
    struct payment_gateway *g = mem_calloc(1, sizeof *g);
    struct rds_options options = {.finder = where(loop, conf.redis),
                                  .user = "gateway",
                                  .client_name = "tiffin-gateway",
                                  .timeout_ms = conf.redis_timeout_ms};
    g->loop = loop;
    g->lease_until_ms = lease_until_ms;
    g->odds = (struct dice_odds){.decline_pct = conf.payment_decline_pct,
                                 .error_pct = conf.payment_error_pct,
                                 .timeout_pct = conf.payment_timeout_pct,
                                 .lost_reply_pct = conf.payment_lost_reply_pct};
    g->ledger = rds_new(loop, &options);
    return g;
}

void payment_gateway_free(struct payment_gateway *g)
{
    if (!g)
        return;
    rds_free(g->ledger);
    free(g);
}

struct rds *payment_gateway_ledger(struct payment_gateway *g)
{
    return g->ledger;
}

static void wait_ms(struct gateway_call *call, int ms,
                    void (*then)(struct ev_loop *, ev_timer *, int))
{
    ev_timer_init(&call->timer, then, ms / 1000.0, 0.);
    call->timer.data = call;
    ev_timer_start(call->gateway->loop, &call->timer);
}

static void answer(struct gateway_call *call, enum gateway_answer what, const char *reason)
{
    call->gateway = NULL;
    call->fn(call->arg, what, reason);
}

/* ---- what comes back ----------------------------------------------------------------------- */

static void on_ledger(void *arg, const struct rds_result *result)
{
    static const struct {
        const char *word;
        enum gateway_answer answer;
    } WORDS[] = {
        {"captured", GATEWAY_CAPTURED},
        {"declined", GATEWAY_DECLINED},
        {"refunded", GATEWAY_REFUNDED},
        {"nothing", GATEWAY_NOTHING},
    };
    struct gateway_call *call = arg;
    call->cmd = NULL;
    if (result->outcome != RDS_OK) {
        char reason[160];
        snprintf(reason, sizeof reason, "payment gateway: %s", result->text);
        answer(call, GATEWAY_UNKNOWN, reason);
        return;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(store_word(result->reply), WORDS[i].word) == 0) {
            if (WORDS[i].answer == GATEWAY_CAPTURED)
                metric_add(M_CAPTURES, 1);
            answer(call, WORDS[i].answer, "");
            return;
        }
    }
    answer(call, GATEWAY_UNKNOWN,
           strcmp(store_word(result->reply), "late") == 0
               ? "this worker was taken for dead before it could charge"
               : "payment gateway: malformed answer");
}

static void on_patience_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    answer(w->data, GATEWAY_UNKNOWN, "the payment gateway did not answer");
}

/* ---- what goes out ------------------------------------------------------------------------- */

static struct rds_cmd *send_charge(struct gateway_call *call, const char *outcome, rds_reply_fn fn)
{
    const struct charge charge = {.payment_key = call->key,
                                  .amount_cents = call->amount_cents,
                                  .currency = call->currency,
                                  .deadline_ms = *call->gateway->lease_until_ms};
    return store_gateway_charge(call->gateway->ledger, &charge, outcome, fn, call);
}

static void act(struct gateway_call *call)
{
    if (call->is_refund) {
        call->cmd = store_gateway_refund(call->gateway->ledger, call->key, on_ledger, call);
        return;
    }
    switch (call->outcome) {
    case DICE_CAPTURE:
        call->cmd = send_charge(call, "captured", on_ledger);
        break;
    case DICE_DECLINE:
        call->cmd = send_charge(call, "declined", on_ledger);
        break;
    case DICE_ERROR:
        answer(call, GATEWAY_UNKNOWN, "the payment gateway answered with an error");
        break;
    case DICE_LOST_REPLY:
        send_charge(call, "captured", NULL);
        wait_ms(call, conf.payment_ms + PATIENCE_MS, on_patience_over);
        break;
    case DICE_TIMEOUT:
        wait_ms(call, conf.payment_ms + PATIENCE_MS, on_patience_over);
        break;
    }
}

static void on_wait_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    act(w->data);
}

static void start(struct payment_gateway *g, struct gateway_call *call, const char *key,
                  gateway_answer_fn fn, void *arg)
{
    call->gateway = g;
    call->cmd = NULL;
    call->fn = fn;
    call->arg = arg;
    snprintf(call->key, sizeof call->key, "%s", key);
    /* An injected error answers at once, so it goes through the loop in any case. */
    if (conf.payment_ms == 0 && (call->is_refund || call->outcome != DICE_ERROR)) {
        ev_init(&call->timer, on_wait_over);
        act(call);
    } else {
        wait_ms(call, conf.payment_ms, on_wait_over);
    }
}

void payment_gateway_charge(struct payment_gateway *g, struct gateway_call *call,
                            const struct charge *charge, gateway_answer_fn fn, void *arg)
{
    metric_add(M_CHARGES, 1);
    call->is_refund = 0;
    call->outcome = dice_roll(&g->odds, random_unit());
    call->amount_cents = charge->amount_cents;
    snprintf(call->currency, sizeof call->currency, "%s", charge->currency);
    start(g, call, charge->payment_key, fn, arg);
}

void payment_gateway_refund(struct payment_gateway *g, struct gateway_call *call, const char *key,
                            gateway_answer_fn fn, void *arg)
{
    call->is_refund = 1;
    start(g, call, key, fn, arg);
}

struct rds_cmd *payment_gateway_forget(struct payment_gateway *g, const char *const keys[],
                                       size_t n, rds_reply_fn fn, void *arg)
{
    return store_gateway_forget(g->ledger, keys, n, fn, arg);
}

void payment_gateway_cancel(struct gateway_call *call)
{
    if (!call->gateway)
        return;
    ev_timer_stop(call->gateway->loop, &call->timer);
    rds_cancel(call->cmd);
    call->cmd = NULL;
    call->gateway = NULL;
}
