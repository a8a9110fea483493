/* Where a client stands is the id of the last message it was given. As long as the feed is ahead of
 * that, it gets the next frame; when it is not, it is live, and everything later comes from the
 * room. Both are compared in one turn of the loop, so nothing can fall between them, and no id is
 * sent twice.
 *
 * An id that the feed has not come to yet was given by a bridge that is faster than this one: the
 * client waits. An id that Redis itself has not given is invented, or was lost with Redis' data:
 * such a client begins like a new one. */
#include "ws-bridge/resume.h"

#include <stdlib.h>

#include "base/conf.h"
#include "base/mem.h"
#include "base/rds.h"
#include "order/chat.h"
#include "ws-bridge/chat_log.h"
#include "ws-bridge/client.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/history.h"
#include "ws-bridge/protocol.h"
#include "ws-bridge/room.h"

#define JOIN_MESSAGES 50  /* that a new client gets */
#define ASKS_TO_BELIEVE 2 /* answers from Redis before an id is taken for invented */

struct resume {
    struct member *member;
    int64_t after;       /* what it asked for; -1 = it is new */
    int has_begun;       /* `at` is decided */
    int64_t at;          /* the last id that it was given, or had */
    int is_complete;     /* nothing before the next frame is missing */
    int has_frame;       /* it was given one: each gets at least an empty one */
    int64_t newest_asks; /* the feed's, when it started */
    struct rds_cmd *reading;
};

static struct rds *commands;

static int64_t feed_last(void)
{
    return feed_position()->last;
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

/* -> has it begun? Else it waits. */
static int begin(struct resume *r)
{
    const struct feed_position *feed = feed_position();
    if (r->after < 0) {
        begin_as_new(r);
    } else if (r->after <= feed->last) {
        r->has_begun = 1;
        r->at = r->after;
    } else if (r->after > feed->newest && feed->newest_asks >= r->newest_asks + ASKS_TO_BELIEVE) {
        begin_as_new(r);
        r->is_complete = 0;
    }
    return r->has_begun;
}

/* Takes over the frame. May close the client (too slow): r and its member are gone then. */
static void give(struct resume *r, struct chunk *frame, int64_t last)
{
    r->at = last;
    r->has_frame = 1;
    r->is_complete = 1;
    client_send(r->member->client, frame);
    chunk_unref(frame);
}

/* ---- out of Redis --------------------------------------------------------------------------- */

/* What lies before this id cannot be replayed: it was trimmed, lost or is not readable. */
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
 * of a frame, so what follows a gap has to begin another. -> the last id, 0 = none */
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
    struct member *m = r->member;
    const struct client *c = m->client;
    struct history_frame f;
    r->reading = NULL;
    if (result->outcome != RDS_OK)
        return; /* tried again when the feed moves */
    history_frame_begin(&f);
    int64_t last = fill(r, result->reply, &f);
    if (last) {
        give(r, history_frame_end(&f, r->is_complete, last < feed_last()), last);
    } else {
        buf_release(&f.json);
        skip_past(r, result->reply);
    }
    if (c->state == CLIENT_OPEN)
        resume_proceed(m);
}

/* ---- going on ------------------------------------------------------------------------------- */

/* A gap at the very end is told by a frame that is empty. */
static int has_all(const struct resume *r)
{
    return r->at >= feed_last() && r->has_frame && r->is_complete;
}

static int is_in_memory(int64_t id)
{
    return history_first() && id >= history_first();
}

/* The log was lost meanwhile, and its ids begin anew. */
static void begin_anew_if_lost(struct resume *r)
{
    if (r->at <= feed_last())
        return;
    begin_as_new(r);
    r->is_complete = 0;
}

void resume_proceed(struct member *m)
{
    struct resume *r = m->resume;
    const struct client *c = m->client;
    if (!r || r->reading || !feed_position()->is_loaded || (!r->has_begun && !begin(r)))
        return;
    begin_anew_if_lost(r);
    while (!has_all(r)) {
        if (c->out.bytes > 0 && r->has_frame)
            return; /* goes on when it has left: on_drained */
        if (r->at < feed_last() && !is_in_memory(r->at + 1)) {
            int n = chat_log_read_limit(HISTORY_PER_FRAME, conf.chat_max_bytes);
            r->reading = chat_after(commands, r->at, n, on_read, r);
            return;
        }
        int64_t last;
        struct chunk *frame = history_chunk(r->at, r->is_complete, &last);
        give(r, frame, last);
        if (c->state != CLIENT_OPEN)
            return;
    }
    resume_stop(m);
    room_go_live(m);
}

void resume_start(struct member *m, int64_t after)
{
    m->resume = mem_calloc(1, sizeof *m->resume);
    m->resume->member = m;
    m->resume->after = after;
    m->resume->is_complete = 1;
    m->resume->newest_asks = feed_position()->newest_asks;
    resume_proceed(m);
}

void resume_all(void)
{
    room_each_waiting(resume_proceed);
}

void resume_stop(struct member *m)
{
    if (!m->resume)
        return;
    rds_cancel(m->resume->reading);
    free(m->resume);
    m->resume = NULL;
}

void resume_init(struct rds *rds)
{
    commands = rds;
}
