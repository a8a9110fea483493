#include "ws-bridge/announce.h"

#include <ev.h>

#include "base/conf.h"
#include "ws-bridge/upstream.h"

#define WINDOW_S 0.1

/* One for those who come, one for those who go. */
struct crowd {
    enum chat_kind kind;
    int64_t n;       /* not told yet */
    ev_timer window; /* active: something was told less than a window ago */
};

static struct ev_loop *loop_;
static struct crowd joins = {.kind = CHAT_JOIN}, leaves = {.kind = CHAT_LEAVE};

static void tell(struct crowd *c)
{
    int64_t n = c->n;
    c->n = 0;
    upstream_announce(c->kind, n);
}

static void on_window(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct crowd *c = w->data;
    if (c->n)
        tell(c); /* and the window begins again */
    else
        ev_timer_stop(loop, w);
}

void announce(enum chat_kind kind)
{
    struct crowd *c = kind == CHAT_JOIN ? &joins : &leaves;
    if (!conf.chat_announce)
        return;
    c->n++;
    if (ev_is_active(&c->window))
        return;
    tell(c);
    ev_timer_set(&c->window, WINDOW_S, WINDOW_S);
    ev_timer_start(loop_, &c->window);
}

void announce_flush(void)
{
    if (joins.n)
        tell(&joins);
    if (leaves.n)
        tell(&leaves);
}

void announce_start(struct ev_loop *loop)
{
    loop_ = loop;
    ev_init(&joins.window, on_window);
    ev_init(&leaves.window, on_window);
    joins.window.data = &joins;
    leaves.window.data = &leaves;
}

void announce_stop(void)
{
    ev_timer_stop(loop_, &joins.window);
    ev_timer_stop(loop_, &leaves.window);
}
