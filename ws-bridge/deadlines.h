/* The deadlines of many, with one timer. Each waits for one of a few kinds of things, and those of
 * a kind are equally long: so each kind has a list that is in order of time, and only its head is
 * looked at. They are coarse: one fires up to DEADLINES_TICK_MS late. */
#ifndef TIFFIN_WS_DEADLINES_H
#define TIFFIN_WS_DEADLINES_H

#include <ev.h>
#include <stdint.h>
#include <sys/queue.h>

#define DEADLINES_TICK_MS 50
#define DEADLINES_KINDS 5

/* To be embedded in what waits; all zero: not set. */
struct deadline {
    TAILQ_ENTRY(deadline) link;
    int64_t due_ms; /* by the monotonic clock */
    unsigned char kind, is_set;
};

/* It has passed; its kind still tells which. It is not set any more, and may be set again. */
typedef void (*deadline_fn)(struct deadline *d);

struct deadlines {
    struct ev_loop *loop;
    ev_timer tick;
    int after_ms[DEADLINES_KINDS];
    deadline_fn on_due;
    TAILQ_HEAD(deadline_list, deadline) set[DEADLINES_KINDS];
};

/* after_ms: how long each kind is. */
void deadlines_start(struct deadlines *all, struct ev_loop *loop,
                     const int after_ms[DEADLINES_KINDS], deadline_fn on_due);
/* None may be set any more. */
void deadlines_stop(struct deadlines *all);

/* From now on; in the place of what was set before. */
void deadline_set(struct deadlines *all, struct deadline *d, int kind);
/* Idempotent. */
void deadline_clear(struct deadlines *all, struct deadline *d);
/* One of those that are set, whichever; NULL = none. */
struct deadline *deadlines_any(const struct deadlines *all);

#endif
