/* A subscription against a redis-server of our own: it comes back by itself, whatever happens. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/command.h"
#include "tests/unit/support/rds_fixture.h"

#define CHANNEL "news"

/* `client` publishes. */
static struct rds *channel;
static struct heard {
    int n, ups, downs;
    size_t len;
    char text[64];
} heard;

static void on_message(void *arg, const char *bytes, size_t n)
{
    struct heard *h = arg;
    h->n++;
    h->len = n;
    snprintf(h->text, sizeof h->text, "%.*s", (int)(n < 60 ? n : 60), bytes);
}

static void on_state(void *arg, int is_up)
{
    struct heard *h = arg;
    is_up ? h->ups++ : h->downs++;
}

static void subscribe_as(const char *user)
{
    const struct rds_options options = {.address = server.socket,
                                        .user = user,
                                        .client_name = "tiffin-channel",
                                        .timeout_ms = 5000,
                                        .blocking = 1,
                                        .on_state = on_state,
                                        .arg = &heard};
    heard = (struct heard){0};
    rds_fixture_connect(NULL);
    channel = rds_new(client.loop, &options);
    rds_subscribe(channel, CHANNEL, on_message, &heard);
}

static int subscribe(void **state)
{
    (void)state;
    subscribe_as("tester");
    WAIT_FOR(&client, rds_is_up(channel));
    return 0;
}

static int release(void **state)
{
    (void)state;
    rds_free(channel);
    rds_client_release(&client);
    return 0;
}

static void publish(const char *text)
{
    rds_call(client.rds, NULL, NULL, "PUBLISH", CHANNEL, text);
}

static void messages_come_in_order(void **state)
{
    char text[16];
    (void)state;
    for (int i = 1; i <= 100; i++) {
        snprintf(text, sizeof text, "m%d", i);
        publish(text);
    }
    WAIT_FOR(&client, heard.n == 100);
    assert_string_equal(heard.text, "m100");
    assert_int_equal(heard.ups, 1);
}

static void any_bytes(void **state)
{
    static const char BYTES[] = "a\0b\r\n$5";
    struct redis_command publish_bytes;
    (void)state;
    command_begin(&publish_bytes, "PUBLISH");
    command_add(&publish_bytes, CHANNEL);
    command_add_bytes(&publish_bytes, BYTES, sizeof BYTES - 1);
    rds_send(client.rds, &publish_bytes, NULL, NULL);
    WAIT_FOR(&client, heard.n == 1);
    assert_int_equal(heard.len, sizeof BYTES - 1);
}

static void it_comes_back_when_redis_does(void **state)
{
    (void)state;
    redis_server_kill(&server);
    WAIT_FOR(&client, heard.downs == 1);
    assert_true(*rds_reason(channel));
    redis_server_start(&server);
    WAIT_FOR(&client, heard.ups == 2 && rds_is_up(client.rds));
    publish("again");
    WAIT_FOR(&client, heard.n == 1);
}

static void it_comes_back_when_it_was_cut(void **state)
{
    (void)state;
    rds_call(client.rds, NULL, NULL, "CLIENT", "KILL", "TYPE", "pubsub");
    WAIT_FOR(&client, heard.ups == 2);
    publish("again");
    WAIT_FOR(&client, heard.n == 1);
}

static void it_comes_back_when_it_was_dropped(void **state)
{
    (void)state;
    rds_drop(channel, "too silent");
    assert_int_equal(heard.downs, 0); /* not before it returns */
    WAIT_FOR(&client, heard.downs == 1);
    assert_string_equal(rds_reason(channel), "too silent");
    WAIT_FOR(&client, heard.ups == 2);
    publish("again");
    WAIT_FOR(&client, heard.n == 1);
}

static int subscribe_without_the_right(void **state)
{
    (void)state;
    subscribe_as("greeter");
    return 0;
}

static void a_refusal_is_told_and_tried_again(void **state)
{
    (void)state;
    for (int times = 0; times < 2; times++) {
        WAIT_FOR(&client, strstr(rds_reason(channel), "NOPERM"));
        assert_false(rds_is_up(channel));
        assert_int_equal(heard.ups, 0);
        rds_client_turn_for(&client, 100); /* it tries again */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_come_in_order, subscribe, release),
        cmocka_unit_test_setup_teardown(any_bytes, subscribe, release),
        cmocka_unit_test_setup_teardown(it_comes_back_when_redis_does, subscribe, release),
        cmocka_unit_test_setup_teardown(it_comes_back_when_it_was_cut, subscribe, release),
        cmocka_unit_test_setup_teardown(it_comes_back_when_it_was_dropped, subscribe, release),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_and_tried_again,
                                        subscribe_without_the_right, release),
    };
    return cmocka_run_group_tests(tests, rds_fixture_setup, rds_fixture_teardown);
}
