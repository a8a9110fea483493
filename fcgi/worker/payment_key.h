/* The key under which an order is paid: an idempotency key of the payment gateway. */
#ifndef TIFFIN_WORKER_PAYMENT_KEY_H
#define TIFFIN_WORKER_PAYMENT_KEY_H

#include "order/store.h"

/* A new one, with 130 random bits. begin proposes one; Redis keeps the first. */
void payment_key_new(char out[PAYMENT_KEY_SIZE]);

#endif
