#include "ws-bridge/posts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rds.h"
#include "order/chat.h"
#include "ws-bridge/chat_log.h"
#include "ws-bridge/client.h"
#include "ws-bridge/protocol.h"

#define UNANSWERED_MAX \
    64 /* of one client; then nothing is read from it until half are answered \
        */

/* A message on its way to Redis. */
struct post {
    LIST_ENTRY(post) link; /* of its client's; not linked once that is gone */
    LIST_ENTRY(post) all;
    struct posts *posts; /* NULL: the client is gone */
    char key[];          /* "" = success is not told */
};

static struct rds *commands;
static struct post_list unanswered = LIST_HEAD_INITIALIZER(unanswered);

/* ---- the answer ----------------------------------------------------------------------------- */

static void send_accepted(struct client *c, const char *key, int64_t id, int is_repeated)
{
    if (!*key)
        return;
    char *json = protocol_accepted_json(key, id, is_repeated);
    client_send_text(c, json);
    free(json);
}

static void send_failed(struct client *c, const char *key, int is_unknown)
{
    if (!c->is_json) {
        client_close(c, WS_TRY_LATER, "the message could not be sent");
        return;
    }
    char *json =
        is_unknown
            ? protocol_error_json(
                  "unknown", "The chat did not answer: the message may have been sent, or not.",
                  key)
            : protocol_error_json(
                  "not_sent",
                  "The message was not sent: the chat cannot be reached. Please try again.", key);
    client_send_text(c, json);
    free(json);
}

/* err: of an answer that came and says that nothing was stored, -ETIMEDOUT, or that cannot be read,
 * -EPROTO; else 0. */
static void note_failure(const struct rds_result *result, int err)
{
    if (err == -ETIMEDOUT)
        rds_ask_time(commands); /* Redis' clock was set forward: the next one is not late */
    else if (result->outcome == RDS_ERROR || err == -EPROTO)
        log_warn("a message was not posted: %s", err ? "malformed answer" : result->text);
}

static void detach(struct posts *p, struct post *post)
{
    LIST_REMOVE(post, link);
    p->n--;
    post->posts = NULL;
}

static void on_posted(void *arg, const struct rds_result *result)
{
    struct post *post = arg;
    struct posts *p = post->posts;
    int64_t id;
    int is_repeated;
    int err = result->outcome == RDS_OK ? chat_post_parse(result->reply, &id, &is_repeated) : 0;
    int is_stored = result->outcome == RDS_OK && !err;
    if (is_stored)
        metric_add(M_CHAT, !is_repeated);
    else
        note_failure(result, err);
    if (p) {
        struct client *c = p->client;
        detach(p, post);
        if (p->n == UNANSWERED_MAX / 2)
            client_pause(c, 0);
        if (is_stored)
            send_accepted(c, post->key, id, is_repeated);
        else
            send_failed(c, post->key, rds_is_unknown(result) || err == -EPROTO);
    }
    LIST_REMOVE(post, all);
    free(post);
}

/* ---- posting -------------------------------------------------------------------------------- */

static struct post *remember(struct posts *p, const char *key)
{
    size_t key_size = strlen(key) + 1;
    struct post *post = mem_alloc(sizeof *post + key_size);
    post->posts = p;
    memcpy(post->key, key, key_size);
    LIST_INSERT_HEAD(&p->sent, post, link);
    LIST_INSERT_HEAD(&unanswered, post, all);
    return post;
}

void posts_send(struct posts *p, const struct protocol_post *message)
{
    const struct chat_post what = {
        .text = message->text,
        .text_len = message->text_len,
        .user = message->user,
        .color = message->color,
        .key = message->key,
        .kept = chat_log_kept(conf.chat_max_bytes),
        .deadline_ms = rds_now_ms(commands) + conf.redis_timeout_ms,
    };
    struct post *post = remember(p, message->key);
    if (++p->n == UNANSWERED_MAX)
        client_pause(p->client, 1);
    chat_post(commands, &what, on_posted, post);
}

void posts_forget(struct posts *p)
{
    struct post *post;
    while ((post = LIST_FIRST(&p->sent)))
        detach(p, post);
}

/* ---- start and stop ------------------------------------------------------------------------- */

void posts_init(struct posts *p, struct client *c)
{
    p->client = c;
    LIST_INIT(&p->sent);
    p->n = 0;
}

void posts_start(struct rds *rds)
{
    commands = rds;
}

void posts_stop(void)
{
    struct post *post;
    while ((post = LIST_FIRST(&unanswered))) {
        LIST_REMOVE(post, all);
        free(post);
    }
}
