#include "ws-bridge/upstream.h"

#include <ev.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/rds.h"
#include "base/where.h"
#include "order/store.h"
#include "ws-bridge/beat.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/room.h"

#define TICK_S 1.0

enum library { LIBRARY_UNKNOWN, LIBRARY_RIGHT, LIBRARY_WRONG };

static struct {
    struct ev_loop *loop;
    struct rds *commands, *channel;
    ev_timer tick;
    int is_absence_logged;
    enum library library; /* the version of the functions that Redis has */
} upstream;

static int is_up(void)
{
    return rds_is_up(upstream.commands) && rds_is_up(upstream.channel);
}

/* ---- the channel ---------------------------------------------------------------------------- */

static void dispatch(const struct chat_line *line)
{
    switch (line->kind) {
    case CHAT_MESSAGE:
    case CHAT_UPDATE:
        feed_receive(line);
        break;
    case CHAT_JOIN:
    case CHAT_LEAVE:
        if (conf.chat_announce)
            room_broadcast_crowd(line->kind, line->n);
        break;
    case CHAT_BEAT:
        beat_receive(line);
        break;
    case CHAT_KIND_COUNT:
        break;
    }
}

static void on_channel(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    struct chat_line line;
    if (chat_line_parse(bytes, n, &line)) {
        log_debug("upstream: something else on the channel");
        return;
    }
    dispatch(&line);
    chat_line_release(&line);
}

void upstream_announce(enum chat_kind kind, int64_t n)
{
    if (is_up())
        chat_announce(upstream.commands, kind, n);
    else
        room_broadcast_crowd(kind, n);
}

/* ---- the connections ------------------------------------------------------------------------ */

static void log_absence(void)
{
    log_warn("Redis is away, waiting for it: %s", rds_reason(upstream.commands));
    upstream.is_absence_logged = 1;
}

static void on_version(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK)
        return;
    upstream.library = store_library_version_ok(result->reply) ? LIBRARY_RIGHT : LIBRARY_WRONG;
    if (upstream.library == LIBRARY_WRONG)
        log_warn("Redis has another version of the function library");
}

static void on_state(void *arg, int is_one_up)
{
    (void)arg;
    if (!is_one_up) {
        beat_disconnected();
        feed_disconnected();
    } else if (is_up()) {
        feed_connected();
    }
}

static void on_commands_state(void *arg, int is_one_up)
{
    if (is_one_up) {
        log_info("Redis is up");
        upstream.is_absence_logged = 0;
        store_library_version(upstream.commands, on_version, NULL);
        beat_send();
    } else {
        log_absence();
    }
    on_state(arg, is_one_up);
}

/* A log that could not be read is asked for again here: feed_connected(). */
static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    if (!rds_is_up(upstream.commands)) {
        if (!upstream.is_absence_logged)
            log_absence();
        return;
    }
    if (beat_is_lost(clock_mono_ms())) {
        log_warn("the subscription is silent; subscribing again");
        beat_disconnected();
        rds_drop(upstream.channel, "the subscription was silent");
    }
    if (is_up())
        feed_connected();
    beat_send();
}

struct rds *upstream_commands(void)
{
    return upstream.commands;
}

static const char *library_trouble(void)
{
    switch (upstream.library) {
    case LIBRARY_UNKNOWN:
        return "the version of the function library is not known yet";
    case LIBRARY_WRONG:
        return "Redis has another version of the function library";
    case LIBRARY_RIGHT:
        break;
    }
    return NULL;
}

const char *upstream_trouble(void)
{
    if (!rds_is_up(upstream.commands))
        return rds_reason(upstream.commands);
    if (!rds_is_up(upstream.channel))
        return rds_reason(upstream.channel);
    const char *trouble = library_trouble();
    if (!trouble && !feed_is_live())
        trouble = "the chat's log is being read";
    if (!trouble && beat_is_late(clock_mono_ms()))
        trouble = "the subscription is silent";
    return trouble;
}

/* ---- start and stop ------------------------------------------------------------------------- */

void upstream_start(struct ev_loop *loop, void (*on_moved)(void))
{
    struct rds_options options = {
        .finder = where(loop, conf.redis),
        .user = "ws",
        .client_name = "tiffin-ws",
        .timeout_ms = conf.redis_timeout_ms,
        .on_state = on_commands_state,
    };
    memset(&upstream, 0, sizeof upstream);
    upstream.loop = loop;
    upstream.commands = rds_new(loop, &options);
    options.client_name = "tiffin-ws-channel";
    options.blocking = 1;
    options.on_state = on_state;
    upstream.channel = rds_new(loop, &options);
    chat_subscribe(upstream.channel, on_channel, NULL);
    feed_start(upstream.commands, on_moved);
    beat_start(loop, upstream.commands, upstream.channel);
    ev_timer_init(&upstream.tick, on_tick, TICK_S, TICK_S);
    ev_timer_start(loop, &upstream.tick);
}

void upstream_leave(void)
{
    ev_timer_stop(upstream.loop, &upstream.tick);
    beat_leave();
}

void upstream_stop(void)
{
    ev_timer_stop(upstream.loop, &upstream.tick);
    beat_stop();
    rds_free(upstream.channel);
    rds_free(upstream.commands);
}
