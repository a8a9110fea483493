/* The chat's two protocols: plain text, and the JSON of tiffin.chat.v1 (ws-bridge/README.md has its
 * fields). Pure: structs in, texts out, and back. */
#ifndef TIFFIN_WS_PROTOCOL_H
#define TIFFIN_WS_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "order/chat.h"

#define PROTOCOL_USER_MAX 32 /* characters */
/* The only control characters that a message may hold. */
#define PROTOCOL_CONTROLS_ALLOWED "\n\t"

/* ---- plain: what the server sends ---- */

/* Stands before the text of a message or an update: "Message: ", "Update: ". A constant. */
const char *protocol_message_prefix(enum chat_kind kind);
/* The text without that prefix, control characters as spaces: it stays on one line, since a line
 * end would let a message pass for two in a terminal. The caller frees it; it holds no NUL. */
char *protocol_message_text(const struct chat_line *line, size_t *ret_len);
/* "A new user has joined the mock chat.", "12 users have left the chat." (CHAT_JOIN, CHAT_LEAVE).
 * Valid until the next call. */
const char *protocol_crowd_text(enum chat_kind kind, int64_t n);

/* ---- JSON: what the server sends. Each text is NUL-terminated, and the caller frees it ---- */

/* A message or an update. Control characters that are not allowed (any more) become spaces. */
char *protocol_message_json(const struct chat_line *line, size_t *ret_len);
/* So many joined or left; present: clients that are there now. */
char *protocol_crowd_json(enum chat_kind kind, int64_t n, int64_t present);
char *protocol_presence_json(int64_t present);
/* code: for programs; text: for people; key: of the message it is about, "" = of none. */
char *protocol_error_json(const char *code, const char *text, const char *key);
/* The message with this key is stored under this id; is_repeated: it was before. */
char *protocol_accepted_json(const char *key, int64_t id, int is_repeated);
/* The messages from..to cannot be replayed: they are not in the log any more. */
char *protocol_missed_json(int64_t from, int64_t to);

/* ---- JSON: what a client sends ---- */

/* A message to be posted. Its texts are valid UTF-8 ("" = not given, never NULL) and live until it
 * is released. */
struct protocol_post {
    struct json_object *json; /* owns the texts */
    const char *text;         /* may hold NULs */
    size_t text_len;          /* its bytes; 0 = nothing to post */
    const char *user, *color;
    const char *key; /* with one, its sender is told whether it was stored */
};

/* NULL, or what is wrong with it: a constant in one line; then only the key of *ret is valid. To be
 * released either way. */
const char *protocol_post_parse(const char *bytes, size_t n, struct protocol_post *ret);
/* Idempotent. */
void protocol_post_release(struct protocol_post *post);

#endif
