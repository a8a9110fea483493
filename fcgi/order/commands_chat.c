#include "order/chat.h"
#include "order/commands.h"
#include "order/keys.h"

const char *chat_channel(int shard)
{
    return keys_of(shard)->chat;
}

void command_chat_newest(struct redis_command *cmd, int shard, int n)
{
    command_begin(cmd, "XREVRANGE");
    command_add_list(cmd, keys_of(shard)->chat_log, "+", "-", "COUNT");
    command_add_int(cmd, n);
}

void command_chat_after(struct redis_command *cmd, int shard, int64_t id, int n)
{
    command_begin(cmd, "XRANGE");
    command_add(cmd, keys_of(shard)->chat_log);
    command_add_int(cmd, id + 1);
    command_add_list(cmd, "+", "COUNT");
    command_add_int(cmd, n);
}

void command_chat_post(struct redis_command *cmd, int shard, const struct chat_post *post)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_CHAT_POST, 3);
    command_add_list(cmd, k->count, k->chat_log, k->chat_keys, k->chat);
    command_add_int(cmd, post->kept);
    command_add_int(cmd, post->deadline_ms);
    command_add_bytes(cmd, post->text, post->text_len);
    command_add_list(cmd, post->user, post->color, post->key);
}

void command_chat_beat(struct redis_command *cmd, int shard, const struct chat_beat *beat)
{
    const struct keys *k = keys_of(shard);
    command_fcall(cmd, FN_CHAT_BEAT, 2);
    command_add_list(cmd, k->chat_present, k->count, k->chat, beat->bridge);
    command_add_int(cmd, beat->clients);
    command_add_int(cmd, beat->number);
    command_add_int(cmd, beat->ttl_ms);
}

void command_chat_publish(struct redis_command *cmd, int shard, const char *json)
{
    command_begin(cmd, "PUBLISH");
    command_add_list(cmd, keys_of(shard)->chat, json);
}
