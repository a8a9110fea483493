/* Writing new work so that an answer 201 or 202 means "on disk" and no work is stored twice.
 *
 * The write is idempotent by its id, so when its reply is lost, or Redis is away for a moment, it
 * is repeated with the same id until the request's deadline. It also carries that deadline by
 * Redis' clock: one that was held up in Redis and comes to run after we have answered 503 stores
 * nothing. Once a reply was lost no answer denies the write unless that is certain: if the outcome
 * is still unknown at the deadline, the 503 says so, and that repeating the same Idempotency-Key is
 * safe. */
#ifndef TIFFIN_API_PLACING_H
#define TIFFIN_API_PLACING_H

#include <stdint.h>

#include "api/request.h"
#include "order/store.h"

/* What differs between orders and updates. */
struct placing_kind {
    /* Sends the write for this op; after the deadline (by Redis' clock) it must store nothing. */
    void (*send)(struct req *r, int64_t deadline_ms, struct op *op);
    /* It is stored under this id: 201 or 202. */
    void (*reply)(struct req *r, const char *id);
    /* Answers an outcome that only this kind of write has; false when it has none such. */
    int (*refuse)(struct req *r, enum place_outcome outcome);
};

/* The first member of a handler's context. */
struct placing {
    const struct placing_kind *kind;
    int64_t deadline_ms; /* by Redis' clock; 0 until it is known */
    const char *id;      /* of what is written */
    int is_under_way;    /* a call was sent and has no answer yet */
    int is_unknown;      /* a reply was lost: it may be stored */
    char key[129];       /* Idempotency-Key, "" when absent */
};

/* Reads the Idempotency-Key header into r->context, a placing. True when it is malformed, empty or
 * there twice and was answered 422. */
int placing_refuse_key(struct req *r);

/* Starts writing, under this id, which must live as long as the request. r->context is a placing.
 * Every outcome is answered. */
void placing_start(struct req *r, const struct placing_kind *kind, const char *id);
/* The routes' on_deadline. */
void placing_deadline(struct req *r);

#endif
