/* What the chat says, in its two languages: plain text and the JSON of tiffin.chat.v1. */
#ifndef TIFFIN_WS_LINES_H
#define TIFFIN_WS_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "order/chat.h"

#define LINES_USER_MAX 32 /* characters */

/* Before the text of a message or an update in plain mode: "Message: ", "Update: ". */
const char *lines_prefix(enum chat_kind kind);
/* Into a static buffer: "A new user has joined the mock chat.", "12 users have left the chat." */
const char *lines_crowd(enum chat_kind kind, int64_t n);

/* Control characters but these are no part of what is said. */
#define LINES_KEPT "\n\t"
/* The text for plain mode, on one line: a terminal shows it, and a line end would let a message
 * pass for two. Of *ret_len bytes; the caller frees it. */
char *lines_plain_text(const struct chat_line *line, size_t *ret_len);

/* JSON; the caller frees it. The text is cleaned of control characters but LINES_KEPT, should it be
 * an old one. */
char *lines_json(const struct chat_line *line, size_t *ret_len);
char *lines_json_crowd(enum chat_kind kind, int64_t n, int64_t present);
char *lines_json_present(int64_t present);
/* `code` for programs, `text` for people; of which message, "" = of none. */
char *lines_json_error(const char *code, const char *text, const char *key);
/* To who said it, under a key: it is stored under this id; it was already, when it was repeated. */
char *lines_json_accepted(const char *key, int64_t id, int is_repeated);
/* Messages ids from..to are not to be had any more. */
char *lines_json_missed(int64_t from, int64_t to);

/* What a JSON client sends. */
struct lines_said {
    struct json_object *json;
    const char *text; /* may hold NULs */
    size_t text_len;
    const char *user, *color; /* "" = none */
    const char *key;          /* "" = none: nobody asks whether it was stored */
};
/* NULL, or what is wrong with it, a constant; then of *ret only the key is valid. To be released
 * either way. */
const char *lines_said_parse(const char *bytes, size_t n, struct lines_said *ret);
void lines_said_release(struct lines_said *said);

#endif
