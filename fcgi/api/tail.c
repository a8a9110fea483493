#include "api/tail.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/rds.h"
#include "base/text.h"
#include "base/where.h"
#include "order/order.h"
#include "order/store.h"

#define BLOCK_MS 1000
#define ANSWER_MARGIN_MS 2000
#define PAUSE_S 1.0 /* after an error that is not a lost connection */
/* The stream holds 40,000 entries. A process that was stopped for longer than this may have been
 * passed by its trimming, and XREAD goes on behind such a gap without a word. */
#define STOPPED_MS (BLOCK_MS + 500)

static struct {
    struct rds *rds;
    const struct tail_handlers *handlers;
    char last_id[48];    /* "" until known */
    int64_t asked_at_ms; /* when the present XREAD was sent */
    int is_resting;      /* nobody watches: nothing is asked, and where it was is forgotten */
    ev_timer pause;
    struct ev_loop *loop;
} tail;

static void follow(void);

/* Hands one entry [id, fields] on and remembers its id. */
static void take_entry(const struct redisReply *entry)
{
    const char *id = rds_str(rds_at(entry, 0));
    char order_id[ORDER_ID_SIZE];
    struct order_change change;
    struct order_event event;
    int is_one;
    if (!id || text_copy(tail.last_id, sizeof tail.last_id, id))
        return;
    order_event_open(&event, rds_at(entry, 1));
    while ((is_one = order_event_next(&event, order_id, &change))) {
        if (is_one > 0)
            tail.handlers->on_event(order_id, &change);
        else
            log_warn("event %s is not readable; skipped", id);
    }
}

static void pause_then_follow(const struct rds_result *result)
{
    if (result->outcome == RDS_ERROR) {
        log_warn("cannot follow the events: %s; trying again", result->text);
        ev_timer_set(&tail.pause, PAUSE_S, 0.);
        ev_timer_start(tail.loop, &tail.pause);
    } /* else the connection is lost: on_state comes */
}

/* Entry ids are "<ms>-<number>". */
static int is_before(const char *a, const char *b)
{
    char *a_rest, *b_rest;
    unsigned long long a_ms = strtoull(a, &a_rest, 10), b_ms = strtoull(b, &b_rest, 10);
    if (a_ms != b_ms)
        return a_ms < b_ms;
    return *a_rest && *b_rest && strtoull(a_rest + 1, NULL, 10) < strtoull(b_rest + 1, NULL, 10);
}

/* Where nothing comes, and after each reconnect: is the stream still the one that was followed?
 * After a loss of data, or at another master whose clock is behind, its ids go on below the last
 * one seen, and XREAD would say nothing until they have passed it. What came before this end shows
 * when the watched orders are read again. */
static void on_end(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK) {
        pause_then_follow(result);
        return;
    }
    const char *id = rds_str(rds_at(rds_at(result->reply, 0), 0));
    char end[sizeof tail.last_id];
    snprintf(end, sizeof end, "%s", id ? id : "0-0");
    int begins_again = is_before(end, tail.last_id);
    if (begins_again) {
        log_warn("the events end at %s, before %s; reading the watched orders again", end,
                 tail.last_id);
        snprintf(tail.last_id, sizeof tail.last_id, "%s", end);
    }
    follow();
    if (begins_again)
        tail.handlers->on_ready();
}

static void on_entries(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK) {
        pause_then_follow(result);
        return;
    }
    int was_stopped = clock_mono_ms() - tail.asked_at_ms > STOPPED_MS;
    const struct redisReply *entries = store_events_entries(result->reply);
    for (size_t i = 0; i < rds_len(entries); i++)
        take_entry(rds_at(entries, i));
    if (rds_len(entries) > 0)
        follow();
    else
        store_events_last(tail.rds, on_end, NULL);
    if (was_stopped) {
        log_warn("this process or Redis was stopped; reading the watched orders again");
        tail.handlers->on_ready();
    }
}

/* The first time: where the stream ends now. "$" would lose what comes between two calls. */
static void on_last(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK) {
        pause_then_follow(result);
        return;
    }
    const char *id = rds_str(rds_at(rds_at(result->reply, 0), 0));
    snprintf(tail.last_id, sizeof tail.last_id, "%s", id ? id : "0-0");
    follow();
    tail.handlers->on_ready();
}

static void follow(void)
{
    tail.is_resting = !tail.handlers->is_watched();
    if (tail.is_resting) {
        *tail.last_id = '\0';
        return;
    }
    tail.asked_at_ms = clock_mono_ms();
    if (*tail.last_id)
        store_events_wait(tail.rds, tail.last_id, BLOCK_MS, on_entries, NULL);
    else
        store_events_last(tail.rds, on_last, NULL);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    if (rds_is_up(tail.rds))
        follow();
}

static void on_state(void *arg, int is_up)
{
    (void)arg;
    ev_timer_stop(tail.loop, &tail.pause);
    if (!is_up)
        return;
    if (!*tail.last_id) {
        follow();
        return;
    }
    store_events_last(tail.rds, on_end, NULL);
    tail.handlers->on_ready();
}

void tail_start(struct ev_loop *loop, const struct tail_handlers *handlers)
{
    tail.loop = loop;
    tail.handlers = handlers;
    ev_init(&tail.pause, on_pause_over);
    struct rds_options options = {
        .finder = where(loop, conf.redis),
        .user = "api",
        .client_name = "tiffin-api-tail",
        .timeout_ms = BLOCK_MS + ANSWER_MARGIN_MS,
        .blocking = 1,
        .on_state = on_state,
    };
    tail.rds = rds_new(loop, &options);
}

void tail_wake(void)
{
    if (tail.is_resting && rds_is_up(tail.rds))
        follow();
}

void tail_stop(void)
{
    ev_timer_stop(tail.loop, &tail.pause);
    rds_free(tail.rds);
}
