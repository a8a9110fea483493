#include "api/sse.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/fastcgi.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"

#define HEARTBEAT_MS 15000
#define RETRY_MIN_MS 1500 /* 2 s with jitter, so that clients do not come back in step */
#define RETRY_SPREAD_MS 1000
#define RECORD_MAX 65535   /* of FastCGI */
#define BEFORE_DATA_MAX 96 /* bytes of the lines before the data */
#define ID_LINE_MAX 16     /* "id: 2147483647", its line break and a NUL */
#define SHUTDOWN_TICK_S 0.05

struct sse {
    TAILQ_ENTRY(sse) link; /* in order of the last sending: the quietest first */
    struct conn *conn;
    const struct sse_owner *owner;
    void *arg;
    int64_t sent_at_ms; /* by a clock that never jumps; ev_now() would */
};

static struct {
    struct ev_loop *loop;
    TAILQ_HEAD(sse_list, sse) all;
    size_t n;
    ev_timer heartbeat;
    struct sse_record *heartbeat_record;
    ev_timer shutdown;
    size_t shutdown_batch;
} hub;

/* ---- encoding ------------------------------------------------------------------------------- */

static struct sse_record *record_new(size_t n)
{
    assert(n <= RECORD_MAX);
    struct sse_record *record = mem_alloc(sizeof *record + FASTCGI_RECORD_HEADER + n);
    record->n = FASTCGI_RECORD_HEADER + n;
    fastcgi_record_header(record->bytes, n);
    return record;
}

static struct sse_record *encode(const char *text, size_t n)
{
    struct sse_record *record = record_new(n);
    memcpy(record->bytes + FASTCGI_RECORD_HEADER, text, n);
    return record;
}

/* Each event is encoded once, and there are many: one allocation, and the data is only copied. */
struct sse_record *sse_encode(int id, const char *event, const char *data)
{
    static const char NAME[] = "data: ", END[] = "\n\n";
    const size_t name_n = sizeof NAME - 1, end_n = sizeof END - 1;
    char before[BEFORE_DATA_MAX];
    int before_n = 0;
    if (event)
        before_n = snprintf(before, sizeof before, "event: %s\n", event);
    assert(before_n >= 0 && (size_t)before_n < sizeof before - ID_LINE_MAX);
    if (id >= 0)
        before_n += snprintf(before + before_n, sizeof before - (size_t)before_n, "id: %d\n", id);

    size_t data_n = strlen(data);
    struct sse_record *record = record_new((size_t)before_n + name_n + data_n + end_n);
    unsigned char *to = record->bytes + FASTCGI_RECORD_HEADER;
    to = mempcpy(to, before, (size_t)before_n);
    to = mempcpy(to, NAME, name_n);
    to = mempcpy(to, data, data_n);
    memcpy(to, END, end_n);
    return record;
}

/* ---- streams -------------------------------------------------------------------------------- */

static void touch(struct sse *s)
{
    s->sent_at_ms = clock_mono_ms();
    TAILQ_REMOVE(&hub.all, s, link);
    TAILQ_INSERT_TAIL(&hub.all, s, link);
}

static void on_hangup(void *stream)
{
    struct sse *s = stream;
    const struct sse_owner *owner = s->owner;
    void *arg = s->arg;
    TAILQ_REMOVE(&hub.all, s, link);
    hub.n--;
    metric_add(M_SSE, -1);
    free(s);
    owner->on_close(arg);
}

static void on_drained(void *stream)
{
    struct sse *s = stream;
    s->owner->on_drained(s->arg);
}

struct sse *sse_open(struct req *r, const struct sse_owner *owner, void *arg)
{
    static const struct fastcgi_owner OWNER = {.on_hangup = on_hangup, .on_drained = on_drained};
    char retry[32];
    struct sse *s = mem_calloc(1, sizeof *s);

    s->owner = owner;
    s->arg = arg;
    s->conn = reply_stream(r);
    fastcgi_set_owner(s->conn, &OWNER, s);
    TAILQ_INSERT_TAIL(&hub.all, s, link);
    hub.n++;
    s->sent_at_ms = clock_mono_ms();
    metric_add(M_SSE, 1);

    int retry_ms = RETRY_MIN_MS + (int)(random_unit() * RETRY_SPREAD_MS);
    int n = snprintf(retry, sizeof retry, "retry: %d\n\n", retry_ms);
    struct sse_record *record = encode(retry, (size_t)n);
    (void)fastcgi_send(s->conn, record->bytes, record->n);
    free(record);
    return s;
}

int sse_send(struct sse *s, const struct sse_record *record)
{
    if (fastcgi_send(s->conn, record->bytes, record->n) == -EAGAIN)
        return -EAGAIN;
    metric_add(M_SSE_EVENTS, 1);
    touch(s);
    return 0;
}

void sse_end(struct sse *s)
{
    TAILQ_REMOVE(&hub.all, s, link);
    hub.n--;
    metric_add(M_SSE, -1);
    fastcgi_stream_end(s->conn);
    free(s);
}

/* ---- the clock ------------------------------------------------------------------------------ */

static void on_heartbeat(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    struct sse *s;
    while ((s = TAILQ_FIRST(&hub.all)) && clock_mono_ms() - s->sent_at_ms >= HEARTBEAT_MS) {
        (void)fastcgi_send(s->conn, hub.heartbeat_record->bytes, hub.heartbeat_record->n);
        touch(s); /* a reader too slow for a heartbeat has bytes under way anyway */
    }
}

static void on_shutdown_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    for (size_t i = 0; i < hub.shutdown_batch && !TAILQ_EMPTY(&hub.all); i++) {
        struct sse *s = TAILQ_FIRST(&hub.all);
        s->owner->on_shutdown(s->arg);
    }
    if (TAILQ_EMPTY(&hub.all))
        ev_timer_stop(loop, w);
}

void sse_start(struct ev_loop *loop)
{
    static const char COMMENT[] = ":\n\n";
    hub.loop = loop;
    TAILQ_INIT(&hub.all);
    hub.heartbeat_record = encode(COMMENT, sizeof COMMENT - 1);
    ev_timer_init(&hub.heartbeat, on_heartbeat, 1., 1.);
    ev_timer_start(loop, &hub.heartbeat);
}

void sse_shutdown(int over_ms)
{
    double ticks = over_ms / 1000.0 / SHUTDOWN_TICK_S;
    hub.shutdown_batch = ticks < 1 ? hub.n : (size_t)((double)hub.n / ticks) + 1;
    ev_timer_init(&hub.shutdown, on_shutdown_tick, 0., SHUTDOWN_TICK_S);
    ev_timer_start(hub.loop, &hub.shutdown);
}
