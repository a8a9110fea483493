/*         both connections up              the log's end is read
 *   AWAY ----------------------> LOADING --------------------------> LIVE
 *    ^ |                                                             ^  |
 *    | |  both up again, loaded before                               |  | a gap: an id is missing
 *    | +------------------------> REPLAYING -------------------------+  |
 *    |                               ^     nothing more in the log      |
 *    |                               +----------------------------------+
 *    +--- either connection lost, from every state
 *
 * A message is stored and published by one function, so whatever comes over the channel stands in
 * the log already, under consecutive ids. Hence the rule: live, the next id is handed on; a lower
 * one is a repeat; a higher one means that something was missed, and then the log is read from the
 * last id on. While it is being read nothing that comes over the channel is handed on: the log has
 * it too. So there is one place where order is made, and no queue of what came early.
 *
 * A subscription can be dead without anybody noticing (half-open), and PING says nothing about it.
 * So once a second each bridge beats: chat_beat() publishes, and the beat must come back over our
 * own channel. Its answer also names the newest id: a feed that is behind it for a whole second has
 * lost something; one that is ahead of it looks at another log (Redis has lost its data) and starts
 * again at the end of that one. */
#include "ws-bridge/feed.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/rds.h"
#include "order/store.h"
#include "ws-bridge/client.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/resume.h"
#include "ws-bridge/room.h"

#define BEAT_S 1.0
#define SOON_S 0.1          /* at least between two beats that tell of a new number of clients */
#define BEAT_TTL_MS 3500    /* a killed bridge's clients are forgotten after so long */
#define ECHO_MS 3000        /* a beat that Redis accepted must come back within this time */
#define READ_AT_ONCE 100    /* messages of one look into the log */
#define LOG_BYTES 67108864  /* of the log at most: fewer messages where they may be long */
#define LOOK_BYTES 67108864 /* the same for one look; redis.conf cuts off who gets 128 MB */
#define LOG_KEPT_LEAST 50
#define POSTS_MAX 64 /* of one client, unanswered; then it is not read from until half are done */

enum feed_state { FEED_AWAY, FEED_LOADING, FEED_REPLAYING, FEED_LIVE };

static const char *const STATE_NAMES[] = {"away", "loading", "replaying", "live"};

/* A message on its way to Redis. */
struct post {
    LIST_ENTRY(post) link; /* of its client */
    LIST_ENTRY(post) all;
    struct client *client; /* NULL: gone */
    char key[];            /* "" = it needs no word of success */
};

static struct {
    struct ev_loop *loop;
    struct rds *commands, *channel;
    enum feed_state state;
    struct rds_cmd *reading; /* of LOADING and REPLAYING */
    struct post_list posts;  /* all that are on their way */
    int is_loaded;
    int64_t last;   /* handed on */
    int64_t heard;  /* the highest id that came over the channel */
    int64_t sought; /* the highest that was known of when the log was asked */

    char bridge[32];
    ev_timer beat, soon;            /* soon: active when the last beat was a moment ago */
    int is_stale;                   /* clients have come or gone since */
    int64_t beat_sent, beat_echoed; /* their numbers */
    int64_t silent_beat;            /* was accepted and has not come back … */
    int64_t silent_since_ms;        /* … since then; 0 = none */
    int64_t reported;               /* clients that the last beat told of */
    int64_t last_at_beat;           /* `last` when it was sent */
    int64_t newest, beats;          /* by the beats' answers */
    int64_t behind;                 /* newest that we had not at the last answer; 0 = none */

    int is_leaving, is_missed; /* the absence of Redis was logged */
    int library;               /* 1 = the right version, -1 = another, 0 = not known yet */
} feed;

static void read_on(void);

static void set_state(enum feed_state state)
{
    if (state != feed.state)
        log_debug("feed: %s -> %s at %lld", STATE_NAMES[feed.state], STATE_NAMES[state],
                  (long long)feed.last);
    feed.state = state;
}

/* ---- reading the log ------------------------------------------------------------------------ */

/* Nothing up to this id is to be had any more: it was trimmed, lost or cannot be read. */
static void skip_to(int64_t id)
{
    if (id <= feed.last)
        return;
    char *json = protocol_missed_json(feed.last + 1, id);
    log_warn("messages %lld to %lld are not in the log any more", (long long)feed.last + 1,
             (long long)id);
    room_broadcast_json(json);
    free(json);
    history_clear();
    feed.last = id;
}

static void hand_on(const struct chat_line *line)
{
    skip_to(line->id - 1);
    feed.last = line->id;
    room_broadcast(line);
}

static void go_live(void)
{
    set_state(FEED_LIVE);
    resume_all();
}

static void on_replayed(void *arg, const struct rds_result *result)
{
    (void)arg;
    feed.reading = NULL;
    if (result->outcome != RDS_OK) {
        log_debug("feed: the log cannot be read: %s", result->text);
        set_state(FEED_AWAY); /* the next beat tries again */
        return;
    }
    int64_t before = feed.last;
    for (size_t i = 0; i < rds_len(result->reply); i++) {
        struct chat_line line;
        if (chat_entry_parse(rds_at(result->reply, i), &line) == 0 && line.id > feed.last)
            hand_on(&line);
    }
    if (feed.last == before) {
        int64_t end = chat_entries_end(result->reply);
        skip_to(end >= 0 ? end : feed.sought);
    }
    if (feed.heard > feed.last || rds_len(result->reply) == (size_t)feed_look(READ_AT_ONCE))
        read_on();
    else
        go_live();
}

static void on_loaded(void *arg, const struct rds_result *result)
{
    (void)arg;
    feed.reading = NULL;
    if (result->outcome != RDS_OK) {
        set_state(FEED_AWAY);
        return;
    }
    history_clear();
    feed.last = 0;
    for (size_t i = rds_len(result->reply); i-- > 0;) { /* newest first */
        struct chat_line line;
        size_t len;
        if (chat_entry_parse(rds_at(result->reply, i), &line))
            continue;
        char *json = protocol_message_json(&line, &len);
        history_add(line.id, json, len);
        feed.last = line.id;
    }
    feed.is_loaded = 1;
    skip_to(feed.sought);
    if (feed.heard > feed.last)
        read_on();
    else
        go_live();
}

static int64_t newest_known(void)
{
    return feed.heard > feed.newest ? feed.heard : feed.newest;
}

/* What the log has and we have not; its end, the first time. What is known of now and does not come
 * is lost; what is heard of while the answer is on its way may be younger than the answer. */
static void read_on(void)
{
    feed.sought = newest_known();
    set_state(feed.is_loaded ? FEED_REPLAYING : FEED_LOADING);
    feed.reading =
        feed.is_loaded
            ? chat_after(feed.commands, feed.last, feed_look(READ_AT_ONCE), on_replayed, NULL)
            : chat_newest(feed.commands, feed_look(HISTORY_KEPT), on_loaded, NULL);
}

static void start_reading(void)
{
    if (feed.state == FEED_AWAY && rds_is_up(feed.commands) && rds_is_up(feed.channel))
        read_on();
}

/* ---- the channel ---------------------------------------------------------------------------- */

static void hear_message(const struct chat_line *line)
{
    if (line->id > feed.heard)
        feed.heard = line->id;
    if (feed.state != FEED_LIVE || line->id <= feed.last)
        return;
    if (line->id == feed.last + 1)
        hand_on(line);
    else
        read_on();
}

static void hear_beat(const struct chat_line *line)
{
    if (strcmp(line->bridge, feed.bridge) != 0) {
        room_set_elsewhere(line->present - feed.reported);
        return;
    }
    if (line->n > feed.beat_echoed)
        feed.beat_echoed = line->n;
    if (feed.beat_echoed >= feed.silent_beat)
        feed.silent_since_ms = 0;
}

static void on_channel(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    struct chat_line line;
    if (chat_line_parse(bytes, n, &line)) {
        log_debug("feed: something else on the channel");
        return;
    }
    switch (line.kind) {
    case CHAT_MESSAGE:
    case CHAT_UPDATE:
        hear_message(&line);
        break;
    case CHAT_JOIN:
    case CHAT_LEAVE:
        if (conf.chat_announce)
            room_broadcast_crowd(line.kind, line.n);
        break;
    case CHAT_BEAT:
        hear_beat(&line);
        break;
    case CHAT_KIND_COUNT:
        break;
    }
    chat_line_release(&line);
}

/* ---- the beat ------------------------------------------------------------------------------- */

/* Redis has lost its data: what we know of is not there any more, and the next messages get ids
 * that have been given before. */
static void start_anew(void)
{
    char *json = protocol_error_json("anew", "the chat's log was lost, its ids begin anew", "");
    room_broadcast_json(json);
    free(json);
    log_warn("the newest message is %lld, not %lld: the chat's log has been lost; starting anew",
             (long long)feed.newest, (long long)feed.last);
    rds_cancel(feed.reading);
    feed.is_loaded = 0;
    feed.heard = feed.behind = 0;
    read_on();
}

static void compare_with_newest(void)
{
    if (feed.state != FEED_LIVE)
        return;
    if (feed.newest < feed.last_at_beat)
        start_anew();
    else if (feed.behind && feed.last < feed.behind)
        read_on(); /* a second ago it was there, and it has not come */
    feed.behind = feed.newest > feed.last ? feed.newest : 0;
}

static void on_beaten(void *arg, const struct rds_result *result)
{
    (void)arg;
    int64_t present, newest;
    if (result->outcome != RDS_OK || chat_beat_parse(result->reply, &present, &newest)) {
        log_debug("feed: a beat failed: %s", result->text);
        return;
    }
    if (feed.is_leaving)
        return;
    feed.newest = newest;
    feed.beats++;
    if (feed.beat_echoed < feed.beat_sent && !feed.silent_since_ms && rds_is_up(feed.channel)) {
        feed.silent_since_ms = clock_mono_ms();
        feed.silent_beat = feed.beat_sent;
    }
    room_set_elsewhere(present - feed.reported);
    compare_with_newest();
    resume_all();
}

static void on_version(void *arg, const struct rds_result *result)
{
    (void)arg;
    if (result->outcome != RDS_OK)
        return;
    feed.library = store_library_version_ok(result->reply) ? 1 : -1;
    if (feed.library < 0)
        log_warn("Redis has another version of the function library");
}

static void send_beat(int ttl_ms)
{
    feed.reported = room_here();
    feed.last_at_beat = feed.last;
    const struct chat_beat beat = {feed.bridge, feed.reported, ++feed.beat_sent, ttl_ms};
    chat_beat(feed.commands, &beat, on_beaten, NULL);
}

static void on_soon(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    if (feed.is_stale && rds_is_up(feed.commands) && !feed.is_leaving)
        send_beat(BEAT_TTL_MS);
    else
        ev_timer_stop(loop, w);
    feed.is_stale = 0;
}

void feed_count_changed(void)
{
    feed.is_stale = 1;
    if (ev_is_active(&feed.soon))
        return;
    ev_timer_again(feed.loop, &feed.soon);
    on_soon(feed.loop, &feed.soon, 0);
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    if (!rds_is_up(feed.commands)) {
        if (!feed.is_missed)
            log_warn("Redis is away, waiting for it: %s", rds_reason(feed.commands));
        feed.is_missed = 1;
        return;
    }
    if (feed.silent_since_ms && clock_mono_ms() - feed.silent_since_ms > ECHO_MS) {
        log_warn("the subscription is silent; subscribing again");
        feed.silent_since_ms = 0;
        rds_drop(feed.channel, "the subscription was silent");
    }
    start_reading();
    send_beat(BEAT_TTL_MS);
}

/* ---- the connections ------------------------------------------------------------------------ */

static void on_state(void *arg, int is_up)
{
    (void)arg;
    if (is_up) {
        start_reading();
        return;
    }
    feed.silent_since_ms = 0;
    rds_cancel(feed.reading);
    feed.reading = NULL;
    set_state(FEED_AWAY);
}

static void on_commands_state(void *arg, int is_up)
{
    if (is_up) {
        log_info("Redis is up");
        store_library_version(feed.commands, on_version, NULL);
        send_beat(BEAT_TTL_MS);
    } else {
        log_warn("Redis is away, waiting for it: %s", rds_reason(feed.commands));
    }
    feed.is_missed = !is_up;
    on_state(arg, is_up);
}

const char *feed_trouble(void)
{
    if (!rds_is_up(feed.commands))
        return rds_reason(feed.commands);
    if (!rds_is_up(feed.channel))
        return rds_reason(feed.channel);
    if (feed.library != 1)
        return feed.library < 0 ? "Redis has another version of the function library"
                                : "the version of the function library is not known yet";
    if (feed.state != FEED_LIVE)
        return "the chat's log is being read";
    return feed.silent_since_ms && clock_mono_ms() - feed.silent_since_ms > ECHO_MS / 2
               ? "the subscription is silent"
               : NULL;
}

/* ---- posting -------------------------------------------------------------------------------- */

static void tell_success(struct client *c, const char *key, int64_t id, int is_repeated)
{
    if (!*key)
        return;
    char *json = protocol_accepted_json(key, id, is_repeated);
    room_send_json(c, json);
    free(json);
}

/* err: of an answer that came, -ETIMEDOUT or -EPROTO; else 0. */
static void tell_failure(struct client *c, const char *key, const struct rds_result *result,
                         int err)
{
    const char *code = "not_sent";
    const char *text = "The message was not sent: the chat cannot be reached. Please try again.";
    if (rds_is_unknown(result) || err == -EPROTO) {
        code = "unknown";
        text = "The chat did not answer: the message may have been sent, or not.";
    }
    if (!c->is_json) {
        client_close(c, WS_TRY_LATER, "the message could not be sent");
        return;
    }
    char *json = protocol_error_json(code, text, key);
    room_send_json(c, json);
    free(json);
}

static void on_posted(void *arg, const struct rds_result *result)
{
    struct post *post = arg;
    struct client *c = post->client;
    int64_t id;
    int is_repeated;
    int err = result->outcome == RDS_OK ? chat_post_parse(result->reply, &id, &is_repeated) : 0;
    int is_stored = result->outcome == RDS_OK && !err;
    if (is_stored)
        metric_add(M_CHAT, !is_repeated);
    else if (err == -ETIMEDOUT)
        rds_ask_time(feed.commands); /* Redis' clock was set forward: the next one is not late */
    else if (result->outcome == RDS_ERROR || err == -EPROTO)
        log_warn("a message was not posted: %s", err ? "malformed answer" : result->text);
    if (c) {
        LIST_REMOVE(post, link);
        if (--c->n_posts == POSTS_MAX / 2)
            client_pause(c, 0);
        if (is_stored)
            tell_success(c, post->key, id, is_repeated);
        else
            tell_failure(c, post->key, result, err);
    }
    LIST_REMOVE(post, all);
    free(post);
}

static int log_kept(void)
{
    int fit = LOG_BYTES / conf.chat_max_bytes;
    return fit > CHAT_KEPT ? CHAT_KEPT : fit < LOG_KEPT_LEAST ? LOG_KEPT_LEAST : fit;
}

void feed_post(struct client *c, const struct protocol_post *said)
{
    struct chat_post what = {
        .text = said->text,
        .text_len = said->text_len,
        .user = said->user,
        .color = said->color,
        .key = said->key,
        .kept = log_kept(),
        .deadline_ms = rds_now_ms(feed.commands) + conf.redis_timeout_ms,
    };
    size_t key_size = strlen(said->key) + 1;
    struct post *post = mem_alloc(sizeof *post + key_size);
    post->client = c;
    memcpy(post->key, said->key, key_size);
    LIST_INSERT_HEAD(&c->posts, post, link);
    LIST_INSERT_HEAD(&feed.posts, post, all);
    if (++c->n_posts == POSTS_MAX)
        client_pause(c, 1);
    chat_post(feed.commands, &what, on_posted, post);
}

void feed_forget(struct client *c)
{
    struct post *post;
    while ((post = LIST_FIRST(&c->posts))) {
        LIST_REMOVE(post, link);
        post->client = NULL;
    }
    c->n_posts = 0;
}

void feed_announce(enum chat_kind kind, int64_t n)
{
    if (rds_is_up(feed.commands) && rds_is_up(feed.channel))
        chat_announce(feed.commands, kind, n);
    else
        room_broadcast_crowd(kind, n);
}

/* ---- start, stop, looking ------------------------------------------------------------------- */

struct rds *feed_rds(void)
{
    return feed.commands;
}

int feed_is_loaded(void)
{
    return feed.is_loaded;
}

int feed_look(int n)
{
    int fit = LOOK_BYTES / conf.chat_max_bytes;
    return fit < n ? fit : n;
}

int64_t feed_last(void)
{
    return feed.last;
}

int64_t feed_newest(void)
{
    return feed.newest;
}

int64_t feed_beats(void)
{
    return feed.beats;
}

void feed_start(struct ev_loop *loop)
{
    struct rds_options options = {
        .address = conf.redis,
        .user = "ws",
        .client_name = "tiffin-ws",
        .timeout_ms = conf.redis_timeout_ms,
        .on_state = on_commands_state,
    };
    memset(&feed, 0, sizeof feed);
    feed.loop = loop;
    random_base32(feed.bridge, 16); /* new at each start */
    feed.commands = rds_new(loop, &options);
    options.client_name = "tiffin-ws-channel";
    options.blocking = 1;
    options.on_state = on_state;
    feed.channel = rds_new(loop, &options);
    chat_subscribe(feed.channel, on_channel, NULL);
    ev_timer_init(&feed.beat, on_beat, BEAT_S, BEAT_S);
    ev_timer_start(loop, &feed.beat);
    ev_timer_init(&feed.soon, on_soon, 0., SOON_S);
}

void feed_leave(void)
{
    feed.is_leaving = 1;
    ev_timer_stop(feed.loop, &feed.beat);
    ev_timer_stop(feed.loop, &feed.soon);
    if (rds_is_up(feed.commands))
        send_beat(0);
}

void feed_stop(void)
{
    struct post *post;
    ev_timer_stop(feed.loop, &feed.beat);
    ev_timer_stop(feed.loop, &feed.soon);
    rds_free(feed.channel);
    rds_free(feed.commands);
    while ((post = LIST_FIRST(&feed.posts))) {
        LIST_REMOVE(post, all);
        free(post);
    }
}
