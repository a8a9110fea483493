#include "tests/unit/support/chat_redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/rds_sync.h"
#include "order/keys.h"
#include "tests/unit/support/test.h"

void chat_redis_ask(struct chat_redis *r, size_t n, const char *const argv[])
{
    struct redisReply *reply = rds_sync_callv(r->others, n, argv);
    if (!reply)
        fail_msg("%s: %s", argv[0], rds_sync_error(r->others));
    rds_sync_free(reply);
}

const char *chat_id(int64_t id)
{
    static char text[4][32];
    static int i;
    snprintf(text[++i % 4], sizeof text[0], "%lld", (long long)id);
    return text[i % 4];
}

void chat_redis_store(struct chat_redis *r, int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++)
        CHAT_ASK(r, "XADD", KEY_CHAT_LOG, chat_id(id), "type", "message", "text", "hi");
    CHAT_ASK(r, "HSET", KEY_COUNT, "chat_messages", chat_id(to));
}

void chat_redis_publish(struct chat_redis *r, int64_t id)
{
    char json[80];
    snprintf(json, sizeof json, "{\"type\":\"message\",\"id\":%lld,\"text\":\"hi\"}",
             (long long)id);
    CHAT_ASK(r, "PUBLISH", CHANNEL_CHAT, json);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
}

void chat_redis_turn(struct chat_redis *r)
{
    ev_run(r->loop, EVRUN_ONCE);
}

static void connect_others(struct chat_redis *r)
{
    char error[256];
    const struct rds_sync_options options = {
        .address = r->server.socket, .user = "tester", .password = "sesame", .wait_s = 5};
    if (rds_sync_open(&options, &r->others, error, sizeof error))
        fail_msg("%s", error);
    CHAT_ASK(r, "ACL", "SETUSER", "ws", "on", ">sesame", "~*", "&*", "+@all");
    char *library = read_functions();
    CHAT_ASK(r, "FUNCTION", "FLUSH");
    CHAT_ASK(r, "FUNCTION", "LOAD", library);
    free(library);
}

void chat_redis_restart(struct chat_redis *r)
{
    redis_server_kill(&r->server);
    rds_sync_close(r->others);
    redis_server_start(&r->server);
    connect_others(r);
}

void chat_redis_open(struct chat_redis *r)
{
    connect_others(r);
    CHAT_ASK(r, "FLUSHALL");
    r->loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&r->tick, on_tick, 0.005, 0.005);
    ev_timer_start(r->loop, &r->tick);
}

void chat_redis_close(struct chat_redis *r)
{
    rds_sync_close(r->others);
    ev_timer_stop(r->loop, &r->tick);
    ev_loop_destroy(r->loop);
}

void chat_redis_init(struct chat_redis *r)
{
    signal(SIGPIPE, SIG_IGN);
    redis_server_init(&r->server);
    redis_server_set_secret(&r->server, "ws", "sesame");
    conf.secrets_dir = r->server.secrets;
    conf.redis = r->server.socket;
    conf.redis_timeout_ms = 5000;
    conf.chat_max_bytes = 4096;
    conf.chat_announce = 1;
}

void chat_redis_release(struct chat_redis *r)
{
    redis_server_release(&r->server);
}
