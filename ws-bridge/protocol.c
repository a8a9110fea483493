#include "ws-bridge/protocol.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_build.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

#define JSON_DEPTH 4

/* ---- plain ---------------------------------------------------------------------------------- */

const char *protocol_message_prefix(enum chat_kind kind)
{
    return kind == CHAT_UPDATE ? "Update: " : "Message: ";
}

const char *protocol_crowd_text(enum chat_kind kind, int64_t n)
{
    static char line[80];
    if (n == 1)
        return kind == CHAT_JOIN ? "A new user has joined the mock chat."
                                 : "A user has left the chat.";
    snprintf(line, sizeof line, "%lld users have %s", (long long)n,
             kind == CHAT_JOIN ? "joined the mock chat." : "left the chat.");
    return line;
}

static char *blanked(const struct chat_line *line, const char *kept, size_t *ret_len)
{
    char *out = mem_alloc(line->text_len + 1);
    *ret_len = utf8_blank_controls(line->text, line->text_len, kept, out);
    out[*ret_len] = '\0';
    return out;
}

char *protocol_message_text(const struct chat_line *line, size_t *ret_len)
{
    return blanked(line, "", ret_len);
}

/* ---- JSON out ------------------------------------------------------------------------------- */

/* The text of an object, which is freed. */
static char *finish(struct json_object *o, size_t *ret_len)
{
    size_t len;
    const char *text = json_write(o, &len);
    char *out = mem_strndup(text, len);
    json_object_put(o);
    if (ret_len)
        *ret_len = len;
    return out;
}

static struct json_object *begin(const char *type)
{
    struct json_object *o = json_object_new_object();
    json_add_text_if_any(o, "type", type);
    return o;
}

static void add_now(struct json_object *o)
{
    char text[40];
    struct tm tm;
    int64_t now = clock_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03dZ", (int)(now % 1000));
    json_add_text_if_any(o, "at", text);
}

char *protocol_message_json(const struct chat_line *line, size_t *ret_len)
{
    struct json_object *o = begin(line->kind == CHAT_UPDATE ? "update" : "message");
    size_t text_len;
    char *text = blanked(line, PROTOCOL_CONTROLS_ALLOWED, &text_len);
    json_add_int(o, "id", line->id);
    json_add_text_if_any(o, "user", line->user);
    json_add_text_if_any(o, "color", line->color);
    json_object_object_add(o, "text", json_object_new_string_len(text, (int)text_len));
    free(text);
    json_add_text_if_any(o, "at", line->at);
    return finish(o, ret_len);
}

char *protocol_crowd_json(enum chat_kind kind, int64_t n, int64_t present)
{
    struct json_object *o = begin(kind == CHAT_JOIN ? "join" : "leave");
    json_add_text_if_any(o, "text", protocol_crowd_text(kind, n));
    json_add_int(o, "n", n);
    json_add_int(o, "present", present);
    add_now(o);
    return finish(o, NULL);
}

char *protocol_presence_json(int64_t present)
{
    struct json_object *o = begin("presence");
    json_add_int(o, "present", present);
    add_now(o);
    return finish(o, NULL);
}

char *protocol_error_json(const char *code, const char *text, const char *key)
{
    struct json_object *o = begin("error");
    json_add_text_if_any(o, "error", code);
    json_add_text_if_any(o, "text", text);
    json_add_text_if_any(o, "key", key);
    add_now(o);
    return finish(o, NULL);
}

char *protocol_accepted_json(const char *key, int64_t id, int is_repeated)
{
    struct json_object *o = begin("accepted");
    json_add_text_if_any(o, "key", key);
    json_add_int(o, "id", id);
    json_add_bool(o, "repeated", is_repeated);
    return finish(o, NULL);
}

char *protocol_missed_json(int64_t from, int64_t to)
{
    struct json_object *o = begin("error");
    json_add_text_if_any(o, "error", "missed");
    json_add_text_if_any(o, "text", "some messages are not to be had any more");
    json_add_int(o, "from", from);
    json_add_int(o, "to", to);
    add_now(o);
    return finish(o, NULL);
}

/* ---- JSON in -------------------------------------------------------------------------------- */

static int is_color(const char *text)
{
    if (strlen(text) != 7 || text[0] != '#')
        return 0;
    for (int i = 1; i < 7; i++)
        if (!isxdigit((unsigned char)text[i]))
            return 0;
    return 1;
}

/* A string, or "" when it is not there; NULL when it is something else. */
static const char *text_of(struct json_object *o, const char *name, size_t *ret_len)
{
    struct json_object *value;
    *ret_len = 0;
    if (!json_object_object_get_ex(o, name, &value) || !value)
        return "";
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    *ret_len = (size_t)json_object_get_string_len(value);
    return json_object_get_string(value);
}

static int is_key(const char *text, size_t n)
{
    return !n || (strlen(text) == n && text_is_key(text));
}

static const char *wrong_with(struct protocol_post *post)
{
    size_t user_len, color_len, key_len;
    if (!json_object_is_type(post->json, json_type_object))
        return "a message is a JSON object: {\"text\":\"…\"}";
    const char *key = text_of(post->json, "key", &key_len);
    if (!key || !is_key(key, key_len))
        return "key must be 16 to 128 characters of A-Z a-z 0-9 _ -";
    post->key = key;
    post->text = text_of(post->json, "text", &post->text_len);
    post->user = text_of(post->json, "user", &user_len);
    post->color = text_of(post->json, "color", &color_len);
    if (!post->text || utf8_length(post->text, post->text_len) < 0)
        return "text must be a string";
    if (utf8_has_control_but(post->text, post->text_len, PROTOCOL_CONTROLS_ALLOWED))
        return "text has control characters";
    if (!post->user || utf8_length(post->user, user_len) < 0)
        return "user must be a string";
    if (utf8_length(post->user, user_len) > PROTOCOL_USER_MAX)
        return "user is longer than 32 characters";
    if (utf8_has_control(post->user, user_len))
        return "user has control characters";
    if (!post->color || strlen(post->color) != color_len ||
        (*post->color && !is_color(post->color)))
        return "color must be #rrggbb";
    if (*post->key && !post->text_len)
        return "text is empty"; /* without a key: ignored, as no answer is expected */
    return NULL;
}

const char *protocol_post_parse(const char *bytes, size_t n, struct protocol_post *ret)
{
    struct json_error error;
    *ret = (struct protocol_post){.key = ""};
    return json_parse(bytes, n, JSON_DEPTH, &ret->json, &error) ? "this is not JSON"
                                                                : wrong_with(ret);
}

void protocol_post_release(struct protocol_post *post)
{
    json_object_put(post->json);
    post->json = NULL;
}
