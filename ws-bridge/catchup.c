/* Where a client stands is the id of the last message it was given. As long as the feed is ahead of
 * that, it gets the next frame; when it is not, it is live, and everything later comes from the
 * room. Both are compared in one turn of the loop, so nothing can fall between them, and no id is
 * sent twice.
 *
 * An id that the feed has not come to yet is a client of a bridge that was faster than this one: it
 * waits. An id that Redis itself has never given is none: such a client begins like a new one. */
#include "ws-bridge/catchup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rds.h"
#include "order/chat.h"
#include "ws-bridge/client.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/room.h"

#define JOIN_MESSAGES 50   /* for who is new */
#define BEATS_TO_BELIEVE 2 /* answers from Redis before an id is taken for invented */

struct catchup {
    struct client *client;
    int has_begun;   /* `at` is decided */
    int64_t at;      /* the last id that it was given, or had */
    int is_complete; /* nothing before the next frame is missing */
    int has_frame;   /* it was given one: everybody gets at least an empty one */
    int64_t beats;   /* of the feed, when it came */
    struct rds_cmd *reading;
};

static void finish(struct client *c)
{
    catchup_stop(c);
    room_go_live(c);
}

static void begin_as_new(struct catchup *u)
{
    u->has_begun = 1;
    u->at = feed_last() > JOIN_MESSAGES ? feed_last() - JOIN_MESSAGES : 0;
    /* What a new one cannot get because the log never had it, or has it no more, is not missing. */
    if (history_first() > u->at + 1)
        u->at = history_first() - 1;
    if (!history_first())
        u->at = feed_last();
}

/* 0: it waits. */
static int begin(struct catchup *u)
{
    const struct client *c = u->client;
    if (c->after < 0) {
        begin_as_new(u);
    } else if (c->after <= feed_last()) {
        u->has_begun = 1;
        u->at = c->after;
    } else if (c->after > feed_newest() && feed_beats() >= u->beats + BEATS_TO_BELIEVE) {
        begin_as_new(u);
        u->is_complete = 0;
    }
    return u->has_begun;
}

/* May close the client (too slow), and u is then gone. */
static void give(struct catchup *u, struct chunk *frame, int64_t last)
{
    u->at = last;
    u->has_frame = 1;
    u->is_complete = 1;
    client_send(u->client, frame);
    chunk_unref(frame);
}

/* ---- out of Redis --------------------------------------------------------------------------- */

/* What lies before this id is not to be had: it was trimmed, lost or cannot be read. */
static void skip_to(struct catchup *u, int64_t id)
{
    if (id > u->at + 1) {
        u->is_complete = 0;
        u->at = id - 1;
    }
}

/* Nothing that could be read came: on behind all of it, if there is more, or where memory begins.
 */
static void skip_past(struct catchup *u, const struct redisReply *entries)
{
    int64_t next = history_first() ? history_first() : feed_last() + 1;
    int64_t end = chat_entries_end(entries);
    skip_to(u, end > u->at && end + 1 < next ? end + 1 : next);
}

/* Fills a frame with messages of consecutive ids: whether something is missing is said at the head
 * of a frame, so what follows a hole has to begin another. -> the last id, 0 = none */
static int64_t fill(struct catchup *u, const struct redisReply *entries, struct history_frame *f)
{
    int64_t last = 0;
    for (size_t i = 0; i < rds_len(entries); i++) {
        struct chat_line line;
        size_t len;
        if (chat_entry_parse(rds_at(entries, i), &line) || line.id <= u->at)
            continue;
        if (line.id > feed_last())
            break; /* comes from the room */
        if (!last)
            skip_to(u, line.id);
        else if (line.id != last + 1)
            break;
        char *json = protocol_message_json(&line, &len);
        int is_full = history_frame_add(f, json, len);
        free(json);
        if (is_full)
            break;
        last = line.id;
    }
    return last;
}

static void on_read(void *arg, const struct rds_result *result)
{
    struct catchup *u = arg;
    struct client *c = u->client;
    struct history_frame f;
    u->reading = NULL;
    if (result->outcome != RDS_OK)
        return; /* the next beat, or the feed's return, tries again */
    history_frame_begin(&f);
    int64_t last = fill(u, result->reply, &f);
    if (last) {
        give(u, history_frame_end(&f, u->is_complete, last < feed_last()), last);
    } else {
        buf_release(&f.json);
        skip_past(u, result->reply);
    }
    catchup_proceed(c);
}

/* ---- going on ------------------------------------------------------------------------------- */

/* A hole at the very end is told by a frame that is empty. */
static int has_all(const struct catchup *u)
{
    return u->at >= feed_last() && u->has_frame && u->is_complete;
}

void catchup_proceed(struct client *c)
{
    struct catchup *u = c->catchup;
    if (!u || u->reading || !feed_is_loaded() || (!u->has_begun && !begin(u)))
        return;
    if (u->at > feed_last()) { /* the log was lost meanwhile, and its ids begin anew */
        begin_as_new(u);
        u->is_complete = 0;
    }
    while (c->state == CLIENT_OPEN && !has_all(u)) {
        if (c->queued_bytes > 0 && u->has_frame)
            return; /* goes on when it has left: on_drained */
        if (u->at < feed_last() && (!history_first() || u->at + 1 < history_first())) {
            u->reading = chat_after(feed_rds(), u->at, feed_look(HISTORY_PER_FRAME), on_read, u);
            return;
        }
        int64_t last;
        struct chunk *frame = history_chunk(u->at, u->is_complete, &last);
        give(u, frame, last);
    }
    if (c->state == CLIENT_OPEN)
        finish(c);
}

void catchup_start(struct client *c)
{
    c->catchup = mem_calloc(1, sizeof *c->catchup);
    c->catchup->client = c;
    c->catchup->is_complete = 1;
    c->catchup->beats = feed_beats();
    catchup_proceed(c);
}

void catchup_all(void)
{
    room_each_waiting(catchup_proceed);
}

void catchup_stop(struct client *c)
{
    if (!c->catchup)
        return;
    rds_cancel(c->catchup->reading);
    free(c->catchup);
    c->catchup = NULL;
}
