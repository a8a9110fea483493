#include "api/stats_request.h"

#include "api/request.h"
#include "base/mem.h"

struct wait {
    struct req *req;
    struct stats_query *query; /* NULL when it is over */
    void (*fn)(struct req *r, const struct stats *f);
};

static void release(void *context)
{
    struct wait *w = context;
    if (w->query)
        stats_query_cancel(w->query);
}

static void on_stats_ready(void *arg, const struct stats *stats)
{
    struct wait *w = arg;
    w->query = NULL;
    w->fn(w->req, stats); /* ends the request, and w with it */
}

void stats_for_request(struct req *r, void (*fn)(struct req *r, const struct stats *f))
{
    if (!rds_is_up(api.rds)) {
        fn(r, NULL);
        return;
    }
    struct wait *w = mem_calloc(1, sizeof *w);
    w->req = r;
    w->fn = fn;
    r->context = w;
    r->release = release;
    w->query = stats_query(on_stats_ready, w);
}
