/* The key under which an order is paid: an idempotency key of the payment gateway. */
#ifndef TIFFIN_WORKER_PAYMENT_KEY_H
#define TIFFIN_WORKER_PAYMENT_KEY_H

#include "order/store.h"

/* Always the same for an order: 128 bits of the SHA-256 of its id. A key that a failover of Redis
 * has lost is proposed again, so that the gateway answers with what it did the first time. begin
 * proposes it; Redis keeps the first, of an earlier version too. */
void payment_key_of(const char *order_id, char out[PAYMENT_KEY_SIZE]);

#endif
