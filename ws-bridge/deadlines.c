#include "ws-bridge/deadlines.h"

#include <stddef.h>

#include "base/clock.h"

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct deadlines *all = w->data;
    int64_t now = clock_mono_ms(); /* not the loop's time, which follows the wall clock */
    for (int kind = 0; kind < DEADLINES_KINDS; kind++) {
        struct deadline *d;
        while ((d = TAILQ_FIRST(&all->set[kind])) && d->due_ms <= now) {
            deadline_clear(all, d);
            all->on_due(d);
        }
    }
}

void deadlines_start(struct deadlines *all, struct ev_loop *loop,
                     const int after_ms[DEADLINES_KINDS], deadline_fn on_due)
{
    all->loop = loop;
    all->on_due = on_due;
    for (int kind = 0; kind < DEADLINES_KINDS; kind++) {
        all->after_ms[kind] = after_ms[kind];
        TAILQ_INIT(&all->set[kind]);
    }
    ev_timer_init(&all->tick, on_tick, DEADLINES_TICK_MS / 1e3, DEADLINES_TICK_MS / 1e3);
    all->tick.data = all;
    ev_timer_start(loop, &all->tick);
}

void deadlines_stop(struct deadlines *all)
{
    ev_timer_stop(all->loop, &all->tick);
}

void deadline_set(struct deadlines *all, struct deadline *d, int kind)
{
    deadline_clear(all, d);
    d->kind = (unsigned char)kind;
    d->due_ms = clock_mono_ms() + all->after_ms[kind];
    d->is_set = 1;
    TAILQ_INSERT_TAIL(&all->set[kind], d, link);
}

void deadline_clear(struct deadlines *all, struct deadline *d)
{
    if (d->is_set)
        TAILQ_REMOVE(&all->set[d->kind], d, link);
    d->is_set = 0;
}

struct deadline *deadlines_any(const struct deadlines *all)
{
    for (int kind = 0; kind < DEADLINES_KINDS; kind++)
        if (!TAILQ_EMPTY(&all->set[kind]))
            return TAILQ_FIRST(&all->set[kind]);
    return NULL;
}
