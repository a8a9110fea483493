#include "order/chat.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_build.h"
#include "base/text.h"
#include "base/utf8.h"
#include "order/commands.h"
#include "order/store.h"

#define JSON_DEPTH 3

static const char *const KIND_NAMES[CHAT_KIND_COUNT] = {
    [CHAT_MESSAGE] = "message", [CHAT_UPDATE] = "update", [CHAT_JOIN] = "join",
    [CHAT_LEAVE] = "leave",     [CHAT_BEAT] = "beat",
};

/* -1 when there is no such kind. */
static int kind_parse(const char *name)
{
    for (int i = 0; name && i < CHAT_KIND_COUNT; i++)
        if (strcmp(name, KIND_NAMES[i]) == 0)
            return i;
    return -1;
}

/* ---- what was published --------------------------------------------------------------------- */

static struct json_object *field(struct json_object *o, const char *name, enum json_type type)
{
    struct json_object *value;
    return json_object_object_get_ex(o, name, &value) && json_object_is_type(value, type) ? value
                                                                                          : NULL;
}

static const char *text_field(struct json_object *o, const char *name)
{
    struct json_object *value = field(o, name, json_type_string);
    return value ? json_object_get_string(value) : "";
}

static int64_t int_field(struct json_object *o, const char *name)
{
    struct json_object *value = field(o, name, json_type_int);
    return value ? json_object_get_int64(value) : -1;
}

static void read_line(struct json_object *o, struct chat_line *line)
{
    struct json_object *text = field(o, "text", json_type_string);
    line->json = o;
    line->id = int_field(o, "id");
    line->text = text ? json_object_get_string(text) : "";
    line->text_len = text ? (size_t)json_object_get_string_len(text) : 0;
    line->user = text_field(o, "user");
    line->color = text_field(o, "color");
    line->at = text_field(o, "at");
    line->bridge = text_field(o, "bridge");
    line->n = int_field(o, line->kind == CHAT_BEAT ? "beat" : "n");
    line->present = int_field(o, "present");
}

/* Has the line what its kind needs? */
static int is_complete(const struct chat_line *line)
{
    switch (line->kind) {
    case CHAT_MESSAGE:
    case CHAT_UPDATE:
        return line->id > 0 && utf8_length(line->text, line->text_len) >= 0;
    case CHAT_JOIN:
    case CHAT_LEAVE:
        return line->n > 0;
    case CHAT_BEAT:
        return line->n >= 0 && line->present >= 0 && *line->bridge;
    case CHAT_KIND_COUNT:
        break;
    }
    return 0;
}

int chat_line_parse(const char *bytes, size_t n, struct chat_line *ret)
{
    if (n > INT_MAX)
        return -EPROTO;
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    struct json_object *o = json_tokener_parse_ex(tokener, bytes, (int)n);
    json_tokener_free(tokener);
    struct chat_line line = {.kind = CHAT_MESSAGE};
    int kind = json_object_is_type(o, json_type_object) ? kind_parse(text_field(o, "type")) : -1;
    if (kind >= 0) {
        line.kind = (enum chat_kind)kind;
        read_line(o, &line);
    }
    if (kind < 0 || !is_complete(&line)) {
        json_object_put(o);
        return -EPROTO;
    }
    *ret = line;
    return 0;
}

void chat_line_release(struct chat_line *line)
{
    json_object_put(line->json);
    line->json = NULL;
}

/* ---- the log -------------------------------------------------------------------------------- */

/* "17-0" -> 17; -1 for what is not ours. */
static int64_t entry_id(const char *text)
{
    char digits[TEXT_NUMBER_SIZE];
    size_t n = text ? strspn(text, "0123456789") : 0;
    if (n == 0 || n >= sizeof digits || strcmp(text + n, "-0") != 0)
        return -1;
    memcpy(digits, text, n);
    digits[n] = '\0';
    return text_to_int_or(digits, -1);
}

int chat_entry_parse(const struct redisReply *entry, struct chat_line *ret)
{
    const struct redisReply *fields = rds_at(entry, 1);
    struct chat_line line = {.kind = CHAT_MESSAGE, .bridge = "", .user = "", .color = ""};
    int kind = kind_parse(rds_field(fields, "type"));
    if (kind != CHAT_MESSAGE && kind != CHAT_UPDATE)
        return -EPROTO;
    line.kind = (enum chat_kind)kind;
    line.id = entry_id(rds_str(rds_at(entry, 0)));
    line.text = line.at = "";
    for (size_t i = 0; i + 1 < rds_len(fields); i += 2) {
        const char *name = rds_str(rds_at(fields, i)), *value = rds_str(rds_at(fields, i + 1));
        if (!name || !value)
            continue;
        if (strcmp(name, "text") == 0) {
            line.text = value;
            line.text_len = rds_str_len(rds_at(fields, i + 1));
        } else if (strcmp(name, "user") == 0) {
            line.user = value;
        } else if (strcmp(name, "color") == 0) {
            line.color = value;
        } else if (strcmp(name, "at") == 0) {
            line.at = value;
        }
    }
    if (!is_complete(&line))
        return -EPROTO;
    *ret = line;
    return 0;
}

int64_t chat_entries_end(const struct redisReply *entries)
{
    size_t n = rds_len(entries);
    const char *id = n ? rds_str(rds_at(rds_at(entries, n - 1), 0)) : NULL;
    return id ? strtoll(id, NULL, 10) : -1; /* also of one that is not ours, as "17-3" */
}

void chat_subscribe(struct rds *r, rds_message_fn fn, void *arg)
{
    rds_subscribe(r, chat_channel(rds_shard(r)), fn, arg);
}

struct rds_cmd *chat_newest(struct rds *r, int n, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_chat_newest(&cmd, rds_shard(r), n);
    return rds_send(r, &cmd, fn, arg);
}

struct rds_cmd *chat_after(struct rds *r, int64_t id, int n, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_chat_after(&cmd, rds_shard(r), id, n);
    return rds_send(r, &cmd, fn, arg);
}

/* ---- saying --------------------------------------------------------------------------------- */

struct rds_cmd *chat_post(struct rds *r, const struct chat_post *post, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_chat_post(&cmd, rds_shard(r), post);
    return rds_send(r, &cmd, fn, arg);
}

int chat_post_parse(const struct redisReply *reply, int64_t *ret_id, int *ret_repeated)
{
    const char *word = store_word(reply);
    int is_repeated = strcmp(word, "repeated") == 0;
    if (strcmp(word, "late") == 0)
        return -ETIMEDOUT;
    if ((!is_repeated && strcmp(word, "posted") != 0) || rds_int(rds_at(reply, 1), ret_id))
        return -EPROTO;
    *ret_repeated = is_repeated;
    return 0;
}

void chat_announce(struct rds *r, enum chat_kind kind, int64_t n)
{
    struct json_object *o = json_object_new_object();
    struct redis_command cmd;
    json_add_text(o, "type", KIND_NAMES[kind]);
    json_add_int(o, "n", n);
    command_chat_publish(&cmd, rds_shard(r), json_write(o, NULL));
    rds_send(r, &cmd, NULL, NULL);
    json_object_put(o);
}

struct rds_cmd *chat_beat(struct rds *r, const struct chat_beat *beat, rds_reply_fn fn, void *arg)
{
    struct redis_command cmd;
    command_chat_beat(&cmd, rds_shard(r), beat);
    return rds_send(r, &cmd, fn, arg);
}

int chat_beat_parse(const struct redisReply *reply, int64_t *ret_present, int64_t *ret_newest_id)
{
    int64_t present, newest;
    if (strcmp(store_word(reply), "here") != 0 || rds_int(rds_at(reply, 1), &present) ||
        rds_int(rds_at(reply, 2), &newest))
        return -EPROTO;
    *ret_present = present;
    *ret_newest_id = newest;
    return 0;
}
