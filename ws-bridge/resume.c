/* Where a client stands is the id of the last message it was given. As long as the feed is ahead of
 * that, it gets the next frame; when it is not, it is live, and everything later comes from the
 * room. Both are compared in one turn of the loop, so nothing can fall between them, and no id is
 * sent twice.
 *
 * An id that the feed has not come to yet is a client of a bridge that was faster than this one: it
 * waits. An id that Redis itself has never given is none: such a client begins like a new one. */
#include "ws-bridge/resume.h"

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

struct resume {
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
    resume_stop(c);
    room_go_live(c);
}

static void begin_as_new(struct resume *r)
{
    r->has_begun = 1;
    r->at = feed_last() > JOIN_MESSAGES ? feed_last() - JOIN_MESSAGES : 0;
    /* What a new one cannot get because the log never had it, or has it no more, is not missing. */
    if (history_first() > r->at + 1)
        r->at = history_first() - 1;
    if (!history_first())
        r->at = feed_last();
}

/* 0: it waits. */
static int begin(struct resume *r)
{
    const struct client *c = r->client;
    if (c->after < 0) {
        begin_as_new(r);
    } else if (c->after <= feed_last()) {
        r->has_begun = 1;
        r->at = c->after;
    } else if (c->after > feed_newest() && feed_beats() >= r->beats + BEATS_TO_BELIEVE) {
        begin_as_new(r);
        r->is_complete = 0;
    }
    return r->has_begun;
}

/* May close the client (too slow), and r is then gone. */
static void give(struct resume *r, struct chunk *frame, int64_t last)
{
    r->at = last;
    r->has_frame = 1;
    r->is_complete = 1;
    client_send(r->client, frame);
    chunk_unref(frame);
}

/* ---- out of Redis --------------------------------------------------------------------------- */

/* What lies before this id is not to be had: it was trimmed, lost or cannot be read. */
static void skip_to(struct resume *r, int64_t id)
{
    if (id > r->at + 1) {
        r->is_complete = 0;
        r->at = id - 1;
    }
}

/* Nothing that could be read came: on behind all of it, if there is more, or where memory begins.
 */
static void skip_past(struct resume *r, const struct redisReply *entries)
{
    int64_t next = history_first() ? history_first() : feed_last() + 1;
    int64_t end = chat_entries_end(entries);
    skip_to(r, end > r->at && end + 1 < next ? end + 1 : next);
}

/* Fills a frame with messages of consecutive ids: whether something is missing is said at the head
 * of a frame, so what follows a hole has to begin another. -> the last id, 0 = none */
static int64_t fill(struct resume *r, const struct redisReply *entries, struct history_frame *f)
{
    int64_t last = 0;
    for (size_t i = 0; i < rds_len(entries); i++) {
        struct chat_line line;
        size_t len;
        if (chat_entry_parse(rds_at(entries, i), &line) || line.id <= r->at)
            continue;
        if (line.id > feed_last())
            break; /* comes from the room */
        if (!last)
            skip_to(r, line.id);
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
    struct resume *r = arg;
    struct client *c = r->client;
    struct history_frame f;
    r->reading = NULL;
    if (result->outcome != RDS_OK)
        return; /* the next beat, or the feed's return, tries again */
    history_frame_begin(&f);
    int64_t last = fill(r, result->reply, &f);
    if (last) {
        give(r, history_frame_end(&f, r->is_complete, last < feed_last()), last);
    } else {
        buf_release(&f.json);
        skip_past(r, result->reply);
    }
    resume_proceed(c);
}

/* ---- going on ------------------------------------------------------------------------------- */

/* A hole at the very end is told by a frame that is empty. */
static int has_all(const struct resume *r)
{
    return r->at >= feed_last() && r->has_frame && r->is_complete;
}

void resume_proceed(struct client *c)
{
    struct resume *r = c->resume;
    if (!r || r->reading || !feed_is_loaded() || (!r->has_begun && !begin(r)))
        return;
    if (r->at > feed_last()) { /* the log was lost meanwhile, and its ids begin anew */
        begin_as_new(r);
        r->is_complete = 0;
    }
    while (c->state == CLIENT_OPEN && !has_all(r)) {
        if (c->out.bytes > 0 && r->has_frame)
            return; /* goes on when it has left: on_drained */
        if (r->at < feed_last() && (!history_first() || r->at + 1 < history_first())) {
            r->reading = chat_after(feed_rds(), r->at, feed_look(HISTORY_PER_FRAME), on_read, r);
            return;
        }
        int64_t last;
        struct chunk *frame = history_chunk(r->at, r->is_complete, &last);
        give(r, frame, last);
    }
    if (c->state == CLIENT_OPEN)
        finish(c);
}

void resume_start(struct client *c)
{
    c->resume = mem_calloc(1, sizeof *c->resume);
    c->resume->client = c;
    c->resume->is_complete = 1;
    c->resume->beats = feed_beats();
    resume_proceed(c);
}

void resume_all(void)
{
    room_each_waiting(resume_proceed);
}

void resume_stop(struct client *c)
{
    if (!c->resume)
        return;
    rds_cancel(c->resume->reading);
    free(c->resume);
    c->resume = NULL;
}
