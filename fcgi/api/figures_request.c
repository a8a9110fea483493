#include "api/figures_request.h"

#include "api/request.h"
#include "base/mem.h"

struct wait {
    struct req *req;
    struct gathering *gathering; /* NULL when it is over */
    void (*fn)(struct req *r, const struct figures *f);
};

static void release(void *context)
{
    struct wait *w = context;
    if (w->gathering)
        figures_cancel(w->gathering);
}

static void on_figures(void *arg, const struct figures *figures)
{
    struct wait *w = arg;
    w->gathering = NULL;
    w->fn(w->req, figures); /* ends the request, and w with it */
}

void request_figures(struct req *r, void (*fn)(struct req *r, const struct figures *f))
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
    w->gathering = figures_gather(on_figures, w);
}
