/* An answer and an echo come over different connections, in any order. The echo's time begins with
 * the answer: only then is it certain that Redis has published the beat. */
#include "ws-bridge/beat.h"

#include <ev.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/rds.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/room.h"

#define TTL_MS 3500    /* a killed bridge's clients are forgotten after so long */
#define ECHO_MS 3000   /* then the subscription is taken for half-open */
#define THROTTLE_S 0.1 /* between two beats that tell of a new number of clients */

static struct {
    struct ev_loop *loop;
    struct rds *commands, *channel;
    char bridge[32];    /* our name among the bridges */
    ev_timer throttle;  /* active: a beat told of a new number less than THROTTLE_S ago */
    int is_stale;       /* clients joined or left since */
    int is_leaving;     /* the last beat is sent */
    int64_t sent;       /* number of the last one */
    int64_t answered;   /* how many have been, or are lost: answers come in order */
    int64_t echoed;     /* of the last one that came back */
    int64_t awaited;    /* of one that was answered and has not come back … */
    int64_t awaited_ms; /* … since then; 0 = none */
    int64_t reported;   /* our clients, by the last one */
    int64_t feed_last;  /* feed's last message when the last one was sent */
} beat;

/* ---- out, and its answer -------------------------------------------------------------------- */

static void await_echo(void)
{
    if (beat.echoed >= beat.sent || beat.awaited_ms || !rds_is_up(beat.channel))
        return;
    beat.awaited = beat.sent;
    beat.awaited_ms = clock_mono_ms();
}

static void on_answer(void *arg, const struct rds_result *result)
{
    (void)arg;
    int64_t present, newest;
    int is_of_the_last = ++beat.answered == beat.sent;
    if (result->outcome != RDS_OK || chat_beat_parse(result->reply, &present, &newest)) {
        log_debug("beat: it failed: %s", result->text);
        return;
    }
    if (beat.is_leaving)
        return;
    await_echo();
    room_set_elsewhere(present - beat.reported);
    feed_learn_newest(newest, is_of_the_last ? beat.feed_last : 0);
}

static void send_with_ttl(int ttl_ms)
{
    beat.reported = room_here();
    beat.feed_last = feed_position()->last;
    const struct chat_beat said = {
        .bridge = beat.bridge, .clients = beat.reported, .number = ++beat.sent, .ttl_ms = ttl_ms};
    chat_beat(beat.commands, &said, on_answer, NULL);
}

void beat_send(void)
{
    send_with_ttl(TTL_MS);
}

static void on_throttle(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    if (beat.is_stale && rds_is_up(beat.commands) && !beat.is_leaving)
        beat_send();
    else
        ev_timer_stop(loop, w);
    beat.is_stale = 0;
}

void beat_count_changed(void)
{
    beat.is_stale = 1;
    if (ev_is_active(&beat.throttle))
        return;
    ev_timer_again(beat.loop, &beat.throttle);
    on_throttle(beat.loop, &beat.throttle, 0);
}

/* ---- the echo ------------------------------------------------------------------------------- */

void beat_receive(const struct chat_line *line)
{
    if (strcmp(line->bridge, beat.bridge) != 0) {
        room_set_elsewhere(line->present - beat.reported);
        return;
    }
    if (line->n > beat.echoed)
        beat.echoed = line->n;
    if (beat.echoed >= beat.awaited)
        beat.awaited_ms = 0;
}

void beat_disconnected(void)
{
    beat.awaited_ms = 0;
}

static int is_awaited_for(int ms, int64_t now_ms)
{
    return beat.awaited_ms && now_ms - beat.awaited_ms > ms;
}

int beat_is_late(int64_t now_ms)
{
    return is_awaited_for(ECHO_MS / 2, now_ms);
}

int beat_is_lost(int64_t now_ms)
{
    return is_awaited_for(ECHO_MS, now_ms);
}

/* ---- start and stop ------------------------------------------------------------------------- */

void beat_start(struct ev_loop *loop, struct rds *commands, struct rds *channel)
{
    memset(&beat, 0, sizeof beat);
    beat.loop = loop;
    beat.commands = commands;
    beat.channel = channel;
    random_base32(beat.bridge, 16);
    ev_timer_init(&beat.throttle, on_throttle, 0., THROTTLE_S);
}

void beat_leave(void)
{
    beat.is_leaving = 1;
    ev_timer_stop(beat.loop, &beat.throttle);
    if (rds_is_up(beat.commands))
        send_with_ttl(0);
}

void beat_stop(void)
{
    ev_timer_stop(beat.loop, &beat.throttle);
}
