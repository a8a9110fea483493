/* GET /exhibits/waiter?n=1..200: the skilled waiter, shown on one page. n database waits begin at
 * once in this one process; each sends an event as it ends, and the last is followed by what the
 * same waits would have taken one after the other. (A browser opens six connections to a host over
 * HTTP/1.1, so n requests of its own would show its queue, not the server's patience.) */
#include <ev.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/sse.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json_build.h"
#include "base/mem.h"

#define WAITS_MAX 200
#define WAITS_DEFAULT 10

struct exhibit;

struct table {
    struct exhibit *exhibit;
    ev_timer timer;
    int64_t ms; /* how long it waited, once it is served */
};

struct exhibit {
    struct sse *stream;
    int64_t started_ms;
    int n, n_served;
    int n_sent;            /* of `served` */
    int served[WAITS_MAX]; /* the tables in the order of their serving */
    struct table tables[];
};

static void release(struct exhibit *e)
{
    for (int i = 0; i < e->n; i++)
        ev_timer_stop(api.loop, &e->tables[i].timer);
    free(e);
}

/* True when the reader took it. */
static int send_object(struct exhibit *e, const char *event, struct json_object *data)
{
    struct sse_record *record = sse_encode(-1, event, json_write(data, NULL));
    int err = sse_send(e->stream, record);
    free(record);
    json_object_put(data);
    return !err;
}

static int send_table(struct exhibit *e, int i)
{
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "i", json_object_new_int(i + 1));
    json_object_object_add(data, "ms", json_object_new_int64(e->tables[i].ms));
    return send_object(e, NULL, data);
}

static int send_end(struct exhibit *e)
{
    int64_t one_at_a_time_ms = 0;
    for (int i = 0; i < e->n; i++)
        one_at_a_time_ms += e->tables[i].ms;
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "n", json_object_new_int(e->n));
    json_object_object_add(data, "total_ms",
                           json_object_new_int64(e->tables[e->served[e->n - 1]].ms));
    json_object_object_add(data, "one_at_a_time_ms", json_object_new_int64(one_at_a_time_ms));
    return send_object(e, "end", data);
}

/* Sends what is served and not yet sent, as far as the reader takes it. e may be gone after it. */
static void proceed(void *arg)
{
    struct exhibit *e = arg;
    while (e->n_sent < e->n_served) {
        if (!send_table(e, e->served[e->n_sent]))
            return; /* called again when the socket has room */
        e->n_sent++;
    }
    if (e->n_sent == e->n && send_end(e)) {
        sse_end(e->stream);
        release(e);
    }
}

static void on_served(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct table *t = w->data;
    struct exhibit *e = t->exhibit;
    t->ms = clock_mono_ms() - e->started_ms;
    e->served[e->n_served++] = (int)(t - e->tables);
    proceed(e);
}

static void on_close(void *arg)
{
    release(arg);
}

static void on_shutdown(void *arg)
{
    struct exhibit *e = arg;
    sse_end(e->stream);
    release(e);
}

void get_exhibit_waiter(struct req *r)
{
    static const struct sse_owner OWNER = {
        .on_close = on_close, .on_drained = proceed, .on_shutdown = on_shutdown};
    static const struct param_int WAITS = {.min = 1, .max = WAITS_MAX, .fallback = WAITS_DEFAULT};
    int n;
    if (params_get_int(&r->params, "n", &WAITS, &n)) {
        reply_problem(r, 422, r->params.error, NULL);
        return;
    }
    struct exhibit *e = mem_calloc(1, sizeof *e + (size_t)n * sizeof e->tables[0]);
    e->n = n;
    e->started_ms = clock_mono_ms();
    e->stream = sse_open(r, &OWNER, e);
    for (int i = 0; i < n; i++) {
        e->tables[i].exhibit = e;
        ev_timer_init(&e->tables[i].timer, on_served, conf.db_ms / 1000.0, 0.);
        e->tables[i].timer.data = &e->tables[i];
        ev_timer_start(api.loop, &e->tables[i].timer);
    }
}
