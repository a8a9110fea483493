/* The support chat in Redis: its log, its channel, who is there. One function (chat_post, or
 * publish_update for an update) stores a message, numbers it and publishes it, so that a
 * reader that knows the last number it has seen can prove that nothing was missed. Joins, leaves
 * and beats are published only.
 *
 * Commands are sent and completed as store.h says. */
#ifndef TIFFIN_ORDER_CHAT_H
#define TIFFIN_ORDER_CHAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rds.h"

/* Messages that the log keeps: some minutes of a lively chat, for those who resume. */
#define CHAT_KEPT 10000

enum chat_kind { CHAT_MESSAGE, CHAT_UPDATE, CHAT_JOIN, CHAT_LEAVE, CHAT_BEAT, CHAT_KIND_COUNT };

/* A message of the channel or entry of the log. Texts are valid UTF-8 and never NULL; they live
 * until chat_line_release(), or as long as the reply. */
struct chat_line {
    enum chat_kind kind;
    int64_t id;                    /* message, update */
    const char *text;              /* message, update; may hold NULs */
    size_t text_len;               /* its bytes */
    const char *user, *color, *at; /* message, update; "" = none */
    int64_t n;                     /* join, leave: how many; beat: its number */
    int64_t present;               /* beat: clients of all bridges */
    const char *bridge;            /* beat: whose */
    struct json_object *json;      /* what owns the texts */
};

/* Reads what was published. 0, or -EPROTO (nothing to release). */
int chat_line_parse(const char *bytes, size_t n, struct chat_line *ret);
void chat_line_release(struct chat_line *line);
/* Reads an entry of the log: one element of the answer to chat_newest() or chat_after(). The texts
 * are the reply's own. 0 or -EPROTO. */
int chat_entry_parse(const struct redisReply *entry, struct chat_line *ret);
/* The id of the last entry in such an answer, whether it can be read or not; -1 = none. */
int64_t chat_entries_end(const struct redisReply *entries);

/* Subscribes to the channel. r: directly after rds_new(), see rds_subscribe(). */
void chat_subscribe(struct rds *r, rds_message_fn fn, void *arg);

/* The newest n entries of the log, newest first. */
struct rds_cmd *chat_newest(struct rds *r, int n, rds_reply_fn fn, void *arg);
/* The n oldest entries with a higher id. */
struct rds_cmd *chat_after(struct rds *r, int64_t id, int n, rds_reply_fn fn, void *arg);

struct chat_post {
    const char *text; /* valid UTF-8 */
    size_t text_len;
    const char *user, *color; /* "" = none */
    const char *key;          /* "" = none; a message that the log keeps is not stored again */
    int kept;                 /* messages that the log keeps */
    int64_t deadline_ms;      /* by Redis' clock; later it stores nothing */
};
struct rds_cmd *chat_post(struct rds *r, const struct chat_post *post, rds_reply_fn fn, void *arg);
/* 0 and the message's id, *ret_repeated: it was stored before, under the same key; -ETIMEDOUT: the
 * deadline had passed, nothing is stored; -EPROTO. */
int chat_post_parse(const struct redisReply *reply, int64_t *ret_id, int *ret_repeated);

/* Publishes that so many clients came (CHAT_JOIN) or went (CHAT_LEAVE); its answer is dropped. */
void chat_announce(struct rds *r, enum chat_kind kind, int64_t n);

/* The heartbeat of a bridge. */
struct chat_beat {
    const char *bridge;
    int64_t clients;
    int64_t number; /* of this beat: rising */
    int ttl_ms;     /* then it is forgotten; 0 = at once */
};
/* This bridge lives. Comes back over the channel as CHAT_BEAT with the same number. */
struct rds_cmd *chat_beat(struct rds *r, const struct chat_beat *beat, rds_reply_fn fn, void *arg);
/* 0 or -EPROTO. */
int chat_beat_parse(const struct redisReply *reply, int64_t *ret_present, int64_t *ret_newest_id);

#endif
