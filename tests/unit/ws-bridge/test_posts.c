/* What clients post, on a redis-server of our own with the real functions: who is told what, and
 * when a client is paused. The client is a record of what was done to it. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/metrics.h"
#include "base/rds.h"
#include "order/chat.h"
#include "tests/unit/support/chat_redis.h"
#include "ws-bridge/client.h"
#include "ws-bridge/posts.h"
#include "ws-bridge/protocol.h"

#define KEY "0123456789abcdef"
#define UNTIL(condition) CHAT_UNTIL(condition)

static const struct protocol_post HELLO = {
    .text = "hello", .text_len = 5, .user = "", .color = "", .key = ""};
static const struct protocol_post KEYED = {
    .text = "hello", .text_len = 5, .user = "", .color = "", .key = KEY};

static int64_t published[128]; /* ids, as they came over the channel */
static size_t n_published;

/* ---- in place of the clients ---------------------------------------------------------------- */

static struct {
    char text[512]; /* the last that was sent to one of them */
    int n_texts, closed_with, pauses;
} done;

void client_send_text(struct client *c, const char *text)
{
    (void)c;
    done.n_texts++;
    snprintf(done.text, sizeof done.text, "%s", text);
}

void client_close(struct client *c, int code, const char *reason)
{
    (void)c, (void)reason;
    done.closed_with = code;
}

void client_pause(struct client *c, int is_paused)
{
    c->is_paused = is_paused != 0;
    done.pauses++;
}

/* A client and its posts. */
struct sender {
    struct client client;
    struct posts posts;
};

static void init(struct sender *s, int is_json)
{
    *s = (struct sender){.client = {.is_json = is_json != 0}};
    posts_init(&s->posts, &s->client);
}

static int has_text(const char *text)
{
    return strstr(done.text, text) != NULL;
}

/* ---- start and stop ------------------------------------------------------------------------- */

static void on_channel(void *arg, const char *bytes, size_t n)
{
    struct chat_line line;
    (void)arg;
    assert_int_equal(chat_line_parse(bytes, n, &line), 0);
    assert_true(n_published < LENGTH(published));
    published[n_published++] = line.id;
    chat_line_release(&line);
}

static int start(void **state)
{
    (void)state;
    chat_redis_open();
    memset(&done, 0, sizeof done);
    n_published = 0;
    metric_values[M_CHAT] = 0;
    conf.redis_timeout_ms = 5000;
    chat_redis_connect(on_channel);
    posts_start(chat_redis.commands);
    UNTIL(rds_is_up(chat_redis.commands) && rds_is_up(chat_redis.channel));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    posts_stop();
    chat_redis_close();
    return 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void posts_come_back_over_the_channel(void **state)
{
    struct sender s;
    (void)state;
    init(&s, 1);
    for (int i = 0; i < 64; i++)
        posts_send(&s.posts, &HELLO);
    assert_true(s.client.is_paused); /* nothing is read from it until half of them are done */
    UNTIL(n_published == 64 && s.posts.n == 0);
    for (size_t i = 0; i < n_published; i++)
        assert_int_equal(published[i], i + 1);
    assert_false(s.client.is_paused);
    assert_int_equal(done.pauses, 2);
    assert_int_equal(done.n_texts + done.closed_with, 0);
    assert_int_equal(metric_values[M_CHAT], 64);
}

static void a_post_with_a_key_is_acknowledged_and_stored_once(void **state)
{
    struct sender gone, again, other;
    struct protocol_post post = KEYED;
    (void)state;
    init(&gone, 1);
    init(&again, 1);
    init(&other, 1);
    posts_send(&gone.posts, &KEYED);
    posts_forget(&gone.posts);
    UNTIL(n_published == 1);
    assert_int_equal(done.n_texts, 0);
    posts_send(&again.posts, &KEYED);
    UNTIL(done.n_texts == 1);
    assert_string_equal(done.text,
                        "{\"type\":\"accepted\",\"key\":\"" KEY "\",\"id\":1,\"repeated\":true}");
    post.key = KEY "-2";
    posts_send(&other.posts, &post);
    UNTIL(done.n_texts == 2 && n_published == 2);
    assert_string_equal(done.text, "{\"type\":\"accepted\",\"key\":\"" KEY
                                   "-2\",\"id\":2,\"repeated\":false}");
    assert_int_equal(published[1], 2);
    assert_int_equal(metric_values[M_CHAT], 2); /* a repeated one is none */
}

static void a_post_that_fails_is_told(void **state)
{
    struct sender json, plain, gone;
    (void)state;
    init(&json, 1);
    init(&plain, 0);
    init(&gone, 1);
    redis_server_signal(&chat_redis.server, SIGSTOP); /* takes it and does not answer */
    posts_send(&json.posts, &HELLO);
    posts_send(&gone.posts, &HELLO);
    posts_forget(&gone.posts);
    chat_redis_turn();
    chat_redis_turn();
    redis_server_kill(&chat_redis.server);
    UNTIL(done.n_texts == 1);
    assert_true(has_text("\"error\":\"unknown\""));
    UNTIL(!rds_is_up(chat_redis.commands));
    posts_send(&json.posts, &KEYED);
    posts_send(&plain.posts, &HELLO);
    assert_int_equal(done.n_texts, 1); /* never before posts_send() returns */
    UNTIL(done.n_texts == 2);
    assert_true(has_text("\"error\":\"not_sent\""));
    assert_true(has_text("\"key\":\"" KEY "\""));
    assert_int_equal(done.closed_with, WS_TRY_LATER);
    assert_int_equal(json.posts.n + plain.posts.n, 0);
    chat_redis_restart();
}

/* Redis refuses what comes to it after its deadline: nothing is stored, and that is certain. */
static void a_post_that_is_late_was_not_sent(void **state)
{
    struct sender s;
    (void)state;
    init(&s, 1);
    conf.redis_timeout_ms = -60000;
    posts_send(&s.posts, &KEYED);
    UNTIL(done.n_texts == 1);
    assert_true(has_text("\"error\":\"not_sent\""));
    assert_int_equal(metric_values[M_CHAT], 0);
}

static void a_post_that_redis_refuses_was_not_sent(void **state)
{
    struct sender s;
    (void)state;
    init(&s, 1);
    CHAT_ASK("FUNCTION", "FLUSH");
    posts_send(&s.posts, &KEYED);
    UNTIL(done.n_texts == 1);
    assert_true(has_text("\"error\":\"not_sent\""));
}

/* It may have been stored: that is all that is known. */
static void an_answer_that_cannot_be_read_is_unknown(void **state)
{
    struct sender s;
    (void)state;
    init(&s, 1);
    CHAT_ASK("FUNCTION", "FLUSH");
    CHAT_ASK("FUNCTION", "LOAD",
             "#!lua name=other\n"
             "redis.register_function('chat_post', function() return 'what?' end)");
    posts_send(&s.posts, &KEYED);
    UNTIL(done.n_texts == 1);
    assert_true(has_text("\"error\":\"unknown\""));
    assert_int_equal(metric_values[M_CHAT], 0);
}

/* The sanitizer tells if something is left, or used after it went. */
static void all_may_end_with_posts_on_their_way(void **state)
{
    struct sender s, gone;
    (void)state;
    init(&s, 1);
    init(&gone, 1);
    for (int i = 0; i < 3; i++) {
        posts_send(&s.posts, &KEYED);
        posts_send(&gone.posts, &HELLO);
    }
    posts_forget(&gone.posts);
    assert_int_equal(gone.posts.n, 0);
    posts_forget(&gone.posts);
    posts_forget(&s.posts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(posts_come_back_over_the_channel),
        TEST(a_post_with_a_key_is_acknowledged_and_stored_once),
        TEST(a_post_that_fails_is_told),
        TEST(a_post_that_is_late_was_not_sent),
        TEST(a_post_that_redis_refuses_was_not_sent),
        TEST(an_answer_that_cannot_be_read_is_unknown),
        TEST(all_may_end_with_posts_on_their_way),
    };
    return cmocka_run_group_tests(tests, chat_redis_group_setup, chat_redis_group_teardown);
}
