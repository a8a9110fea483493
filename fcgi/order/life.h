/* The life of an order as a table: every state it can be in, and the steps that may come next. The
 * functions in redis/functions/ bring it about; here it is for who checks what they have stored
 * (tiffin-ctl fsck). Pure. */
#ifndef TIFFIN_ORDER_LIFE_H
#define TIFFIN_ORDER_LIFE_H

struct order_change;

/* Can an order be in this state? needs_review hides the status: then any will do that is not the
 * end of a life. */
int life_has_state(const struct order_change *state);

/* May this be the step of an order in that state? step: as its hash says it, NULL = it has none.
 * resume_status counts while it is needs_review: the status it goes back to; one that is unknown,
 * or NULL, fits every step of its payment and kitchen statuses. */
int life_has_step(const struct order_change *state, const char *resume_status, const char *step);

#endif
