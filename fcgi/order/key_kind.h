/* What a key of Redis is, as SCAN tells it: for fsck's walk. Pure. */
#ifndef TIFFIN_ORDER_KEY_KIND_H
#define TIFFIN_ORDER_KEY_KIND_H

#include <stddef.h>

enum key_kind {
    KEY_KIND_ORDER,       /* its id */
    KEY_KIND_UPDATE,      /* its id */
    KEY_KIND_ACTIVE,      /* a list of active jobs: its worker */
    KEY_KIND_IDEMPOTENCY, /* the Idempotency-Key */
    KEY_KIND_USER_ORDERS, /* a list of ids: its user */
    KEY_KIND_LEDGER,      /* an entry of the simulated payment gateway's: the payment key */
    KEY_KIND_OTHER,       /* nothing that belongs to one job, worker or user's list; "" */
};

/* Returns the kind; *ret_id and *ret_len are what the key is of, inside the key. */
enum key_kind key_kind(const char *key, const char **ret_id, size_t *ret_len);

#endif
