#include "ws-bridge/announce.h"

#include <ev.h>

#include "base/conf.h"
#include "ws-bridge/upstream.h"

#define WINDOW_S 0.1

/* One for joins, one for leaves. */
struct crowd {
    enum chat_kind kind;
    int64_t n;       /* not announced yet */
    ev_timer window; /* active: some were announced less than a window ago */
};

static struct ev_loop *loop_;
static struct crowd joins = {.kind = CHAT_JOIN}, leaves = {.kind = CHAT_LEAVE};

static void announce_now(struct crowd *c)
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
        announce_now(c); /* and the window begins again */
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
    announce_now(c);
    ev_timer_set(&c->window, WINDOW_S, WINDOW_S);
    ev_timer_start(loop_, &c->window);
}

void announce_flush(void)
{
    if (joins.n)
        announce_now(&joins);
    if (leaves.n)
        announce_now(&leaves);
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
