#include "tests/unit/support/chat_redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/rds_sync.h"
#include "order/chat.h"
#include "order/keys.h"
#include "tests/unit/support/test.h"

struct chat_redis chat_redis;

void chat_redis_ask(size_t n, const char *const argv[])
{
    struct redisReply *reply = rds_sync_callv(chat_redis.others, n, argv);
    if (!reply)
        fail_msg("%s: %s", argv[0], rds_sync_error(chat_redis.others));
    rds_sync_free(reply);
}

const char *chat_id(int64_t id)
{
    static char text[4][32];
    static int i;
    snprintf(text[++i % 4], sizeof text[0], "%lld", (long long)id);
    return text[i % 4];
}

void chat_redis_store(int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++)
        CHAT_ASK("XADD", KEY_CHAT_LOG, chat_id(id), "type", "message", "text", "hi");
    CHAT_ASK("HSET", KEY_COUNT, "chat_messages", chat_id(to));
}

void chat_redis_publish(int64_t id)
{
    char json[80];
    snprintf(json, sizeof json, "{\"type\":\"message\",\"id\":%lld,\"text\":\"hi\"}",
             (long long)id);
    CHAT_ASK("PUBLISH", CHANNEL_CHAT, json);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
}

void chat_redis_turn(void)
{
    ev_run(chat_redis.loop, EVRUN_ONCE);
}

static void connect_others(void)
{
    char error[256];
    const struct rds_sync_options options = {
        .address = chat_redis.server.socket, .user = "tester", .password = "sesame", .wait_s = 5};
    if (rds_sync_open(&options, &chat_redis.others, error, sizeof error))
        fail_msg("%s", error);
    CHAT_ASK("ACL", "SETUSER", "ws", "on", ">sesame", "~*", "&*", "+@all");
    char *library = read_functions();
    CHAT_ASK("FUNCTION", "FLUSH");
    CHAT_ASK("FUNCTION", "LOAD", library);
    free(library);
}

void chat_redis_restart(void)
{
    redis_server_kill(&chat_redis.server);
    rds_sync_close(chat_redis.others);
    redis_server_start(&chat_redis.server);
    connect_others();
}

void chat_redis_open(void)
{
    connect_others();
    CHAT_ASK("FLUSHALL");
    chat_redis.loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&chat_redis.tick, on_tick, 0.005, 0.005);
    ev_timer_start(chat_redis.loop, &chat_redis.tick);
}

void chat_redis_connect(rds_message_fn on_channel)
{
    struct rds_options options = {.address = chat_redis.server.socket,
                                  .user = "ws",
                                  .client_name = "test",
                                  .timeout_ms = 5000};
    chat_redis.commands = rds_new(chat_redis.loop, &options);
    if (!on_channel)
        return;
    options.blocking = 1;
    chat_redis.channel = rds_new(chat_redis.loop, &options);
    chat_subscribe(chat_redis.channel, on_channel, NULL);
}

void chat_redis_close(void)
{
    rds_free(chat_redis.channel);
    rds_free(chat_redis.commands);
    chat_redis.channel = chat_redis.commands = NULL;
    rds_sync_close(chat_redis.others);
    ev_timer_stop(chat_redis.loop, &chat_redis.tick);
    ev_loop_destroy(chat_redis.loop);
}

int chat_redis_group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_init(&chat_redis.server);
    redis_server_set_secret(&chat_redis.server, "ws", "sesame");
    conf.secrets_dir = chat_redis.server.secrets;
    conf.redis = chat_redis.server.socket;
    conf.redis_timeout_ms = 5000;
    conf.chat_max_bytes = 4096;
    conf.chat_announce = 1;
    return 0;
}

int chat_redis_group_teardown(void **state)
{
    (void)state;
    redis_server_release(&chat_redis.server);
    return 0;
}
