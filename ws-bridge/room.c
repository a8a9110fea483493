#include "ws-bridge/room.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ws-bridge/client.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"

#define DRAIN_TICK_S 0.02
#define PAUSE_TIMES 4
#define PAUSE_MAX_US 25000
#define BATCH_ROOM 2048   /* bytes that a batch begins with */
#define BATCH_BYTES 65536 /* it is fanned out early when it has so many */

enum { PLAIN, JSON, PROTOCOLS };

TAILQ_HEAD(member_list, member);

static struct {
    struct ev_loop *loop;
    struct member_list live[PROTOCOLS], waiting;
    size_t n_live[PROTOCOLS];
    struct chunk *batch[PROTOCOLS]; /* broadcast and not fanned out; NULL = nothing */
    ev_timer pause;
    int64_t quiet_until_us;
    int64_t here, elsewhere;
    int64_t told_present; /* the number that the JSON clients know */
    ev_timer drain;
    int64_t drain_end_ms;
} room;

/* ---- who is here ---------------------------------------------------------------------------- */

struct member *room_enter(struct client *c)
{
    struct member *m = mem_calloc(1, sizeof *m);
    m->client = c;
    posts_init(&m->posts, c);
    TAILQ_INSERT_TAIL(&room.waiting, m, link);
    room.here++;
    return m;
}

/* A client that is too slow is closed by this, and its member is out of the list then. */
static void fan_out(int protocol)
{
    struct member *m, *next;
    struct chunk *chunk = room.batch[protocol];
    if (!chunk)
        return;
    room.batch[protocol] = NULL;
    for (m = TAILQ_FIRST(&room.live[protocol]); m; m = next) {
        next = TAILQ_NEXT(m, link);
        client_send(m->client, chunk);
    }
    chunk_unref(chunk);
}

void room_go_live(struct member *m)
{
    struct client *c = m->client;
    if (m->is_live)
        return;
    fan_out(c->is_json);
    TAILQ_REMOVE(&room.waiting, m, link);
    TAILQ_INSERT_TAIL(&room.live[c->is_json], m, link);
    room.n_live[c->is_json]++;
    m->is_live = 1;
    if (!c->is_json)
        return;
    char *json = protocol_presence_json(room_present());
    client_send_text(c, json);
    free(json);
}

void room_leave(struct member *m)
{
    int protocol = m->client->is_json;
    if (m->is_live) {
        TAILQ_REMOVE(&room.live[protocol], m, link);
        room.n_live[protocol]--;
    } else {
        TAILQ_REMOVE(&room.waiting, m, link);
    }
    room.here--;
    free(m);
}

void room_each_waiting(void (*fn)(struct member *m))
{
    struct member *m, *next;
    for (m = TAILQ_FIRST(&room.waiting); m; m = next) {
        next = TAILQ_NEXT(m, link);
        fn(m);
    }
}

int64_t room_here(void)
{
    return room.here;
}

int64_t room_present(void)
{
    return room.here + room.elsewhere;
}

/* Who went live in this turn has just been told; the others are told when it has changed. */
void room_set_elsewhere(int64_t n)
{
    room.elsewhere = n < 0 ? 0 : n;
    if (room_present() == room.told_present)
        return;
    room.told_present = room_present();
    char *json = protocol_presence_json(room.told_present);
    room_broadcast_json(json);
    free(json);
}

/* ---- broadcasts ----------------------------------------------------------------------------- */

static void add_to_batch(int protocol, const char *payload, size_t n)
{
    if (!room.n_live[protocol])
        return;
    struct chunk *batch = room.batch[protocol] ? room.batch[protocol] : chunk_new(BATCH_ROOM);
    room.batch[protocol] = chunk_add(batch, CHUNK_TEXT, payload, n);
    if (room.batch[protocol]->len >= BATCH_BYTES)
        fan_out(protocol);
}

static void broadcast_plain(const struct chat_line *line)
{
    size_t len;
    char *text = protocol_message_text(line, &len);
    char *whole = mem_printf("%s%s", protocol_message_prefix(line->kind), text);
    add_to_batch(PLAIN, whole, strlen(whole));
    free(whole);
    free(text);
}

void room_broadcast(const struct chat_line *line)
{
    size_t len;
    char *json = protocol_message_json(line, &len);
    if (room.n_live[PLAIN])
        broadcast_plain(line);
    add_to_batch(JSON, json, len);
    history_add(line->id, json, len);
}

void room_broadcast_crowd(enum chat_kind kind, int64_t n)
{
    const char *text = protocol_crowd_text(kind, n);
    add_to_batch(PLAIN, text, strlen(text));
    if (!room.n_live[JSON])
        return;
    char *json = protocol_crowd_json(kind, n, room_present());
    room_broadcast_json(json);
    free(json);
}

void room_broadcast_json(const char *json)
{
    add_to_batch(JSON, json, strlen(json));
}

/* A write to each of a thousand clients costs milliseconds, here and again in nginx, however little
 * is written. So fan-out is throttled: after one we wait PAUSE_TIMES as long as it took, and what
 * is broadcast meanwhile goes out in one piece. The fuller the room, the larger the pieces; what is
 * broadcast after a pause goes out at once. */
void room_turn(void)
{
    int64_t began = clock_mono_us();
    if (!room.batch[PLAIN] && !room.batch[JSON]) {
        clients_turn();
        return;
    }
    if (began < room.quiet_until_us) {
        clients_turn();
        if (!ev_is_active(&room.pause)) {
            ev_timer_set(&room.pause, (double)(room.quiet_until_us - began) / 1e6, 0.);
            ev_timer_start(room.loop, &room.pause);
        }
        return;
    }
    fan_out(PLAIN);
    fan_out(JSON);
    clients_turn();
    int64_t pause_us = (clock_mono_us() - began) * PAUSE_TIMES;
    room.quiet_until_us = clock_mono_us() + (pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US);
}

/* The turn that this makes does the rest. */
static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
}

/* ---- the end -------------------------------------------------------------------------------- */

static struct member *anyone(void)
{
    if (!TAILQ_EMPTY(&room.live[PLAIN]))
        return TAILQ_FIRST(&room.live[PLAIN]);
    return TAILQ_EMPTY(&room.live[JSON]) ? TAILQ_FIRST(&room.waiting)
                                         : TAILQ_FIRST(&room.live[JSON]);
}

/* So many of those who are left that all are gone in time. Goes on for those whose handshake was
 * under way. */
static void on_drain(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    int64_t ticks = (room.drain_end_ms - clock_mono_ms()) / (int64_t)(DRAIN_TICK_S * 1000);
    int64_t n = room.here / (ticks > 0 ? ticks : 1) + 1;
    struct member *m;
    while (n-- > 0 && (m = anyone()))
        client_close(m->client, WS_GOING_AWAY, "the chat moves to another process");
}

void room_drain(int ms)
{
    room.drain_end_ms = clock_mono_ms() + ms;
    ev_timer_init(&room.drain, on_drain, 0., DRAIN_TICK_S);
    ev_timer_start(room.loop, &room.drain);
}

void room_start(struct ev_loop *loop)
{
    room.loop = loop;
    TAILQ_INIT(&room.waiting);
    for (int i = 0; i < PROTOCOLS; i++)
        TAILQ_INIT(&room.live[i]);
    ev_init(&room.drain, on_drain);
    ev_init(&room.pause, on_pause_over);
}

void room_stop(void)
{
    ev_timer_stop(room.loop, &room.drain);
    ev_timer_stop(room.loop, &room.pause);
    for (int i = 0; i < PROTOCOLS; i++) {
        chunk_unref(room.batch[i]);
        room.batch[i] = NULL;
    }
    history_clear();
}
