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
 * one is a repeat; a higher one means that something was missed, and then the log is replayed from
 * the last id on. While it is being read nothing that comes over the channel is handed on: the log
 * has it too. So there is one place where order is made, and no queue of what came early.
 *
 * A gap at the end cannot be seen in the channel. So about once a second Redis says which id is the
 * newest: a feed that is behind it from one time to the next has lost something; one that is ahead
 * of it looks at another log (Redis has lost its data), and starts again at the end of that one. */
#include "ws-bridge/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/rds.h"
#include "ws-bridge/chat_log.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/room.h"

#define READ_AT_ONCE 100 /* messages */

enum feed_state { FEED_AWAY, FEED_LOADING, FEED_REPLAYING, FEED_LIVE };

static const char *const STATE_NAMES[] = {"away", "loading", "replaying", "live"};

static struct {
    struct rds *commands;
    void (*on_moved)(void);
    enum feed_state state;
    struct feed_position at;
    struct rds_cmd *reading; /* of LOADING and REPLAYING */
    int64_t replay_until;    /* the highest id that was known of when the log was asked */
    int64_t channel_newest;  /* the highest that came over the channel */
    int64_t behind;          /* the newest, if we had not come to it when Redis said so; or 0 */
} feed;

static void read_on(void);

static void set_state(enum feed_state state)
{
    if (state != feed.state)
        log_debug("feed: %s -> %s at %lld", STATE_NAMES[feed.state], STATE_NAMES[state],
                  (long long)feed.at.last);
    feed.state = state;
}

/* ---- messages come out ---------------------------------------------------------------------- */

/* Nothing up to this id can be replayed: it was trimmed, lost or is not readable. Clients are told.
 */
static void skip_to(int64_t id)
{
    if (id <= feed.at.last)
        return;
    char *json = protocol_missed_json(feed.at.last + 1, id);
    log_warn("messages %lld to %lld are not in the log any more", (long long)feed.at.last + 1,
             (long long)id);
    room_broadcast_json(json);
    free(json);
    history_clear();
    feed.at.last = id;
}

static void hand_on(const struct chat_line *line)
{
    skip_to(line->id - 1);
    feed.at.last = line->id;
    room_broadcast(line);
}

/* ---- reading the log ------------------------------------------------------------------------ */

static void go_live(void)
{
    set_state(FEED_LIVE);
    feed.on_moved();
}

static int read_limit(int n)
{
    return chat_log_read_limit(n, conf.chat_max_bytes);
}

static void on_replayed(void *arg, const struct rds_result *result)
{
    (void)arg;
    feed.reading = NULL;
    if (result->outcome != RDS_OK) {
        log_debug("feed: the log cannot be read: %s", result->text);
        set_state(FEED_AWAY); /* until feed_connected() is called again */
        return;
    }
    int64_t before = feed.at.last;
    for (size_t i = 0; i < rds_len(result->reply); i++) {
        struct chat_line line;
        if (chat_entry_parse(rds_at(result->reply, i), &line) == 0 && line.id > feed.at.last)
            hand_on(&line);
    }
    if (feed.at.last == before) {
        int64_t end = chat_entries_end(result->reply);
        skip_to(end >= 0 ? end : feed.replay_until);
    }
    if (feed.channel_newest > feed.at.last ||
        rds_len(result->reply) == (size_t)read_limit(READ_AT_ONCE))
        read_on();
    else
        go_live();
}

/* The end of the log becomes the history; its messages are broadcast to no one. */
static void load(const struct redisReply *newest_first)
{
    history_clear();
    feed.at.last = 0;
    for (size_t i = rds_len(newest_first); i-- > 0;) {
        struct chat_line line;
        size_t len;
        if (chat_entry_parse(rds_at(newest_first, i), &line))
            continue;
        char *json = protocol_message_json(&line, &len);
        history_add(line.id, json, len);
        feed.at.last = line.id;
    }
    feed.at.is_loaded = 1;
}

static void on_loaded(void *arg, const struct rds_result *result)
{
    (void)arg;
    feed.reading = NULL;
    if (result->outcome != RDS_OK) {
        set_state(FEED_AWAY);
        return;
    }
    load(result->reply);
    skip_to(feed.replay_until);
    if (feed.channel_newest > feed.at.last)
        read_on();
    else
        go_live();
}

/* Asks for what the log has and we have not; the first time, for its end. What is known of by now
 * and does not come is lost; what is heard of while the answer is on its way may be younger than
 * the answer. */
static void read_on(void)
{
    feed.replay_until = feed.channel_newest > feed.at.newest ? feed.channel_newest : feed.at.newest;
    set_state(feed.at.is_loaded ? FEED_REPLAYING : FEED_LOADING);
    feed.reading =
        feed.at.is_loaded
            ? chat_after(feed.commands, feed.at.last, read_limit(READ_AT_ONCE), on_replayed, NULL)
            : chat_newest(feed.commands, read_limit(HISTORY_KEPT), on_loaded, NULL);
}

void feed_connected(void)
{
    if (feed.state == FEED_AWAY)
        read_on();
}

void feed_disconnected(void)
{
    rds_cancel(feed.reading);
    feed.reading = NULL;
    set_state(FEED_AWAY);
}

/* ---- the channel ---------------------------------------------------------------------------- */

void feed_receive(const struct chat_line *line)
{
    if (line->id > feed.channel_newest)
        feed.channel_newest = line->id;
    if (feed.state != FEED_LIVE || line->id <= feed.at.last)
        return;
    if (line->id == feed.at.last + 1)
        hand_on(line);
    else
        read_on();
}

/* ---- what Redis says is newest -------------------------------------------------------------- */

/* Redis has lost its data: what we know of is gone, and the next messages get ids that have been
 * given before. */
static void start_anew(void)
{
    char *json = protocol_error_json("anew", "the chat's log was lost, its ids begin anew", "");
    room_broadcast_json(json);
    free(json);
    log_warn("the newest message is %lld, not %lld: the chat's log has been lost; starting anew",
             (long long)feed.at.newest, (long long)feed.at.last);
    rds_cancel(feed.reading);
    feed.at.is_loaded = 0;
    feed.channel_newest = feed.behind = 0;
    read_on();
}

static void compare_with_newest(int64_t last_then)
{
    if (feed.state != FEED_LIVE)
        return;
    if (feed.at.newest < last_then)
        start_anew();
    else if (feed.behind && feed.at.last < feed.behind)
        read_on(); /* it was there the time before, and has not come since */
    feed.behind = feed.at.newest > feed.at.last ? feed.at.newest : 0;
}

void feed_learn_newest(int64_t newest, int64_t last_then)
{
    feed.at.newest = newest;
    feed.at.newest_asks++;
    compare_with_newest(last_then);
    feed.on_moved();
}

/* ---- start, looking ------------------------------------------------------------------------- */

const struct feed_position *feed_position(void)
{
    return &feed.at;
}

int feed_is_live(void)
{
    return feed.state == FEED_LIVE;
}

void feed_start(struct rds *commands, void (*on_moved)(void))
{
    memset(&feed, 0, sizeof feed);
    feed.commands = commands;
    feed.on_moved = on_moved;
}
