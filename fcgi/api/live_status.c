/* Idea 4, the live news ticker: you tune in and the news comes to you. GET /order/{id}/live-status
 * is one long answer; every change of the order is an event in it.
 *
 * Two sources tell of an order, over two connections, in no fixed order: reading its hash, and the
 * tail of the events stream. They are merged by version, so that a reader sees every version
 * after the one he has exactly once, at any interleaving:
 *
 *   READING ----- the hash came: send what is newer ----> FOLLOWING
 *      ^   \__ events only raise `wanted`; the hash is      |   |
 *      |       read again if it was older than that         |   |
 *      +---- an event skips a version, or tail resync ------+   |
 *      |                                                        v
 *      +---- the socket took all: send only the newest ---- BEHIND (a slow reader)
 *
 *   READING -- Redis does not answer --> WAITING -- once a second --> READING
 *
 * The request becomes a stream when the first read has shown that the order exists (else 404), or
 * at once when Redis is away: EventSource gives up for ever on a 5xx, so the stream is accepted and
 * held. A settled order ends the stream with `event: end`; who comes back with the settled version
 * gets 204, which makes EventSource stop. */
#include "api/live_status.h"

#include <errno.h>
#include <ev.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/handlers.h"
#include "api/order_view.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/sse.h"
#include "api/tail.h"
#include "base/json_build.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "order/store.h"

#define BUCKETS 16384 /* of the table by order id; a power of two */
#define RETRY_S 1.0
#define NOTHING (-1)     /* instead of a version: the reader wants to know how it is now */
#define VERSION_DIGITS 9 /* no version has more */

enum live_state { LIVE_READING, LIVE_FOLLOWING, LIVE_BEHIND, LIVE_WAITING };

/* One reader of one order. */
struct live {
    LIST_ENTRY(live) same_bucket;
    TAILQ_ENTRY(live) link;
    enum live_state state;
    char id[ORDER_ID_SIZE];
    struct req *req;     /* until the stream is open */
    struct sse *stream;  /* from then on */
    struct rds_cmd *cmd; /* while READING */
    int sent;            /* version the reader has: 0 = before the first; or NOTHING */
    int wanted;          /* newest version heard of while READING */
    int coalesce;        /* was BEHIND: send the newest state only */
};

LIST_HEAD(live_bucket, live);

static struct {
    struct ev_loop *loop;
    struct live_bucket buckets[BUCKETS];
    TAILQ_HEAD(live_list, live) all;
    ev_timer retry;
} table;

static void on_read(void *arg, const struct rds_result *result);

/* ---- the table ------------------------------------------------------------------------------ */

static struct live_bucket *bucket_of(const char *id)
{
    return &table.buckets[text_hash(id) & (BUCKETS - 1)];
}

static void unlink_live(struct live *l)
{
    LIST_REMOVE(l, same_bucket);
    TAILQ_REMOVE(&table.all, l, link);
    rds_cancel(l->cmd);
    l->cmd = NULL;
}

static void read_order(struct live *l)
{
    l->state = LIVE_READING;
    l->wanted = 0;
    if (!l->cmd)
        l->cmd = store_order(api.rds, l->id, on_read, l);
}

/* ---- the stream's end ----------------------------------------------------------------------- */

static void on_close(void *arg)
{
    unlink_live(arg);
    free(arg);
}

static void end_stream(struct live *l)
{
    sse_end(l->stream);
    on_close(l);
}

static void on_shutdown(void *arg)
{
    end_stream(arg);
}

static void on_drained(void *arg)
{
    struct live *l = arg;
    if (l->state != LIVE_BEHIND)
        return;
    metric_add(M_SSE_COALESCED, 1);
    l->coalesce = 1;
    read_order(l);
}

/* Sends an event without a version. True when the reader took it. */
static int send_word(struct live *l, const char *event, const char *name, const char *value)
{
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, name, json_object_new_string(value));
    struct sse_record *record = sse_encode(-1, event, json_write(data, NULL));
    int err = sse_send(l->stream, record);
    free(record);
    json_object_put(data);
    return !err;
}

/* The order is settled and the reader has its last version. True when the stream is gone. */
static int finish(struct live *l, const struct order_change *last)
{
    if (!send_word(l, "end", "status", order_status_name(last->status))) {
        l->state = LIVE_BEHIND; /* the end comes when the socket takes it */
        return 0;
    }
    end_stream(l);
    return 1;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void open_stream(struct live *l)
{
    static const struct sse_owner OWNER = {
        .on_close = on_close,
        .on_drained = on_drained,
        .on_shutdown = on_shutdown,
    };
    struct req *r = l->req;
    if (!r)
        return;
    l->req = NULL;
    r->context = NULL;
    r->release = NULL;
    l->stream = sse_open(r, &OWNER, l);
}

/* The request is answered otherwise, or the client left before the stream was open. req_free frees
 * the memory. */
static void on_request_gone(void *context)
{
    unlink_live(context);
}

/* A version as we write it, 0 included; NOTHING when the text is none. */
static int version_of(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n < 1 || n > VERSION_DIGITS || strspn(text, "0123456789") != n || (*text == '0' && n > 1))
        return NOTHING;
    return (int)text_to_int_or(text, NOTHING);
}

/* What the reader has: the first usable word of these. The last name is that of the polyfills which
 * cannot send the header. */
static int last_event_id(const struct req *r)
{
    const char *const words[] = {req_header(r, "LAST_EVENT_ID"),
                                 params_get(&r->params, "last_event_id"),
                                 params_get(&r->params, "lastEventId")};
    int version = NOTHING;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && version == NOTHING; i++)
        version = version_of(words[i]);
    return version;
}

void get_live_status(struct req *r)
{
    if (!order_id_is_valid(r->arg)) {
        reply_problem(r, 404, ORDER_NOT_FOUND, NULL);
        return;
    }
    struct live *l = mem_calloc(1, sizeof *l);
    (void)text_copy(l->id, sizeof l->id, r->arg); /* its form was checked */
    l->req = r;
    l->sent = last_event_id(r);
    r->context = l;
    r->release = on_request_gone;
    /* Watched before it is read: a change in between is not lost. */
    LIST_INSERT_HEAD(bucket_of(l->id), l, same_bucket);
    TAILQ_INSERT_TAIL(&table.all, l, link);
    tail_wake();
    read_order(l);
}

void get_live_status_deadline(struct req *r)
{
    open_stream(r->context); /* held until Redis answers */
}

/* ---- sending -------------------------------------------------------------------------------- */

/* True when the reader took it; else it is BEHIND. */
static int send_change(struct live *l, const struct order_change *change,
                       const struct sse_record *record)
{
    if (sse_send(l->stream, record)) {
        l->state = LIVE_BEHIND;
        return 0;
    }
    l->sent = change->version;
    return 1;
}

static struct sse_record *encode_change(const char *id, const struct order_change *change)
{
    struct json_object *data = order_event_view(id, change);
    struct sse_record *record = sse_encode(change->version, NULL, json_write(data, NULL));
    json_object_put(data);
    return record;
}

/* Sends what the reader lacks: the snapshot of now, or the versions after the one he has. */
static int send_newer(struct live *l, const struct order *o)
{
    int first = l->sent == NOTHING || l->coalesce ? o->n_history - 1 : 0;
    l->coalesce = 0;
    for (int i = first; i < o->n_history; i++) {
        if (o->history[i].version <= l->sent)
            continue;
        struct sse_record *record = encode_change(l->id, &o->history[i]);
        int taken = send_change(l, &o->history[i], record);
        free(record);
        if (!taken)
            return 0;
    }
    return 1;
}

static void order_is_unknown(struct live *l)
{
    if (l->req) {
        reply_problem(l->req, 404, ORDER_NOT_FOUND, NULL); /* frees l too */
        return;
    }
    (void)send_word(l, "error", "error", ORDER_NOT_FOUND);
    end_stream(l);
}

static void on_order(struct live *l, const struct order *o)
{
    if (l->sent > o->now.version)
        l->sent = NOTHING; /* not a version of this order: as if none had been given */
    if (l->req && l->sent == o->now.version && order_is_settled(&o->now)) {
        reply_empty(l->req, 204); /* frees l too */
        return;
    }
    open_stream(l);
    if (!send_newer(l, o))
        return;
    if (order_is_settled(&o->now))
        finish(l, &o->now);
    else if (l->wanted > o->now.version)
        read_order(l);
    else
        l->state = LIVE_FOLLOWING;
}

static void on_read(void *arg, const struct rds_result *result)
{
    struct live *l = arg;
    struct order o;
    l->cmd = NULL;
    if (result->outcome != RDS_OK) {
        l->state = LIVE_WAITING;
        open_stream(l);
        return;
    }
    int err = order_parse(result->reply, &o);
    if (err && err != -ENOENT)
        log_error("%s is not readable: %s", log_id(l->id), strerror(-err));
    if (err)
        order_is_unknown(l);
    else
        on_order(l, &o);
}

/* ---- events --------------------------------------------------------------------------------- */

/* One change for one reader. The record is made for the first reader who needs it. */
static void offer(struct live *l, const struct order_change *change, struct sse_record **record)
{
    if (l->state == LIVE_READING && change->version > l->wanted)
        l->wanted = change->version;
    if (l->state != LIVE_FOLLOWING || change->version <= l->sent)
        return;
    if (change->version > l->sent + 1) {
        read_order(l);
        return;
    }
    if (!*record)
        *record = encode_change(l->id, change);
    if (send_change(l, change, *record) && order_is_settled(change))
        finish(l, change);
}

void live_status_on_event(const char *order_id, const struct order_change *change)
{
    struct sse_record *record = NULL;
    struct live *l = LIST_FIRST(bucket_of(order_id)), *next;
    for (; l; l = next) {
        next = LIST_NEXT(l, same_bucket);
        if (strcmp(l->id, order_id) == 0)
            offer(l, change, &record);
    }
    free(record);
}

void live_status_resync(void)
{
    struct live *l;
    TAILQ_FOREACH(l, &table.all, link)
    if (l->state == LIVE_FOLLOWING || l->state == LIVE_WAITING)
        read_order(l);
    else if (l->state == LIVE_READING)
        l->wanted = INT_MAX; /* this read may be older than what was missed */
}

int live_status_is_watched(void)
{
    return !TAILQ_EMPTY(&table.all);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    struct live *l;
    if (!rds_is_up(api.rds))
        return;
    TAILQ_FOREACH(l, &table.all, link)
    if (l->state == LIVE_WAITING)
        read_order(l);
}

void live_status_start(struct ev_loop *loop)
{
    table.loop = loop;
    TAILQ_INIT(&table.all);
    ev_timer_init(&table.retry, on_retry, RETRY_S, RETRY_S);
    ev_timer_start(loop, &table.retry);
}

void live_status_stop(void)
{
    ev_timer_stop(table.loop, &table.retry);
}
