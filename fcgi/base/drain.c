#include "base/drain.h"

#include <ev.h>
#include <signal.h>

#include "base/conf.h"
#include "base/log.h"

#define TICK_S 0.02

static struct {
    const struct drain *how;
    ev_signal on_term, on_int;
    ev_timer tick, end;
} drain;

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    if (drain.how->left() == 0)
        ev_break(loop, EVBREAK_ALL);
}

static void on_end(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    if (drain.how->left())
        log_warn("%zu %s", drain.how->left(), drain.how->late);
    ev_break(loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)w, (void)revents;
    if (ev_is_active(&drain.end)) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    drain.how->stop();
    ev_timer_start(loop, &drain.tick);
    ev_timer_set(&drain.end, conf.drain_ms / 1000.0, 0.);
    ev_timer_start(loop, &drain.end);
}

void drain_on_signals(struct ev_loop *loop, const struct drain *how)
{
    drain.how = how;
    ev_timer_init(&drain.tick, on_tick, 0., TICK_S);
    ev_init(&drain.end, on_end);
    ev_signal_init(&drain.on_term, on_signal, SIGTERM);
    ev_signal_init(&drain.on_int, on_signal, SIGINT);
    ev_signal_start(loop, &drain.on_term);
    ev_signal_start(loop, &drain.on_int);
}

void drain_release(struct ev_loop *loop)
{
    ev_timer_stop(loop, &drain.tick);
    ev_timer_stop(loop, &drain.end);
    ev_signal_stop(loop, &drain.on_term);
    ev_signal_stop(loop, &drain.on_int);
}
