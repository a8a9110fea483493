/* Another master: a connection's finder has changed its mind. */
#include "base/rds.h"
#include "base/rds_internal.h"

void rds_finder_init(struct rds_finder *f)
{
    TAILQ_INIT(&f->users);
}

static int is_elsewhere(const struct rds *r)
{
    struct rds_finder *f = r->options.finder;
    struct address now;
    return f && !f->find(f, r->options.shard, &now) && !address_is_same(&now, &r->to);
}

void rds_leave_for_another(struct rds *r)
{
    if (!is_elsewhere(r))
        return;
    r->backoff_ms = BACKOFF_FIRST_MS;
    if (r->context)
        rds_refuse(r, "Redis' master is another one now");
    else if (ev_is_active(&r->retry))
        ev_feed_event(r->loop, &r->retry, EV_TIMER);
}

void rds_finder_changed(struct rds_finder *f)
{
    for (struct rds *r = TAILQ_FIRST(&f->users); r; r = TAILQ_NEXT(r, user))
        rds_leave_for_another(r);
}
