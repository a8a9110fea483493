/* Commands against a redis-server of our own: each ends in exactly one callback, unless it was
 * cancelled. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/support/rds_fixture.h"

/* ---- commands ------------------------------------------------------------------------------ */

static void replies_of_every_type(void **state)
{
    (void)state;
    struct seen status = {0}, text = {0}, number = {0}, nil = {0}, list = {0};
    ASK(&status, "SET", "key", "value \xc3\xa9 %s $1\r\n");
    ASK(&text, "GET", "key");
    ASK(&number, "STRLEN", "key");
    ASK(&nil, "GET", "no such key");
    ASK(&list, "MGET", "key", "no such key", "key");
    assert_string_equal(status.str, "OK");
    assert_string_equal(text.str, "value \xc3\xa9 %s $1\r\n");
    assert_int_equal(number.number, 16);
    assert_int_equal(nil.outcome, RDS_OK);
    assert_string_equal(nil.str, "");
    assert_int_equal(list.len, 3);
    assert_string_equal(list.text, "");
}

static void empty_arguments_pass(void **state)
{
    (void)state;
    struct seen set = {0}, get = {0};
    ASK(&set, "SET", "", "");
    ASK(&get, "STRLEN", "");
    assert_int_equal(set.outcome, RDS_OK);
    assert_int_equal(get.number, 0);
}

static void arguments_are_copied_before_the_call_returns(void **state)
{
    (void)state;
    char word[16] = "before";
    struct seen s = {0};
    rds_call(client.rds, seen_fill, &s, "ECHO", word);
    strcpy(word, "after");
    WAIT_FOR(&client, s.n);
    assert_string_equal(s.str, "before");
}

static void callback_may_be_absent(void **state)
{
    (void)state;
    assert_non_null(rds_call(client.rds, NULL, NULL, "SET", "quiet", "yes"));
    struct seen s = {0};
    ASK(&s, "GET", "quiet");
    assert_string_equal(s.str, "yes");
}

static void error_reply_is_an_error_and_the_connection_stays(void **state)
{
    (void)state;
    struct seen s = {0}, unknown = {0};
    ASK(&s, "SET", "text", "x");
    s.n = 0;
    ASK(&s, "HGET", "text", "field");
    assert_int_equal(s.outcome, RDS_ERROR);
    assert_non_null(strstr(s.text, "WRONGTYPE"));
    ASK(&unknown, "FROBNICATE");
    assert_int_equal(unknown.outcome, RDS_ERROR);
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void missing_right_is_an_error(void **state)
{
    (void)state;
    struct seen s = {0}, ping = {0};
    rds_fixture_connect_as("greeter");
    ASK(&s, "GET", "key");
    assert_int_equal(s.outcome, RDS_ERROR);
    assert_non_null(strstr(s.text, "NOPERM"));
    ASK(&ping, "PING");
    assert_int_equal(ping.outcome, RDS_OK);
    rds_client_release(&client);
}

enum { MANY = 2000 };
static int finished[MANY], n_finished;

static void on_one_of_many(void *arg, const struct rds_result *result)
{
    int64_t value = 0;
    int *mine = arg;
    assert_int_equal(result->outcome, RDS_OK);
    assert_int_equal(rds_int(result->reply, &value), 0);
    assert_int_equal(value, n_finished + 1); /* answers come in the order of their commands */
    assert_ptr_equal(mine, &finished[n_finished]);
    n_finished++;
    (*mine)++;
}

static void many_commands_complete_once_each_in_order(void **state)
{
    (void)state;
    struct seen s = {0};
    ASK(&s, "DEL", "counter");
    memset(finished, 0, sizeof finished);
    n_finished = 0;
    for (int i = 0; i < MANY; i++)
        rds_call(client.rds, on_one_of_many, &finished[i], "INCR", "counter");
    assert_int_equal(n_finished, 0);
    WAIT_FOR(&client, n_finished == MANY);
    rds_client_turn_for(&client, 20);
    assert_int_equal(n_finished, MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(finished[i], 1);
}

/* More than a socket takes at once: the rest is written when it becomes writable. */
static void large_values_pass_in_both_directions(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    char *value = mem_alloc(SIZE + 1);
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    struct seen set = {0}, get = {0}, after = {0};
    rds_call(client.rds, seen_fill, &set, "SET", "large", value);
    rds_call(client.rds, seen_fill, &get, "GET", "large");
    rds_call(client.rds, seen_fill, &after, "DEL", "large");
    free(value);
    WAIT_FOR(&client, after.n);
    assert_int_equal(set.n, 1);
    assert_int_equal(set.outcome, RDS_OK);
    assert_int_equal(get.str_len, SIZE);
    assert_int_equal(after.number, 1);
}

static void never_called_back_before_the_call_returns(void **state)
{
    (void)state;
    struct seen up = {0}, down = {0};
    rds_call(client.rds, seen_fill, &up, "PING");
    assert_int_equal(up.n, 0);
    WAIT_FOR(&client, up.n);
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    rds_call(client.rds, seen_fill, &down, "PING");
    assert_int_equal(down.n, 0);
    rds_client_turn(&client);
    assert_int_equal(down.n, 1);
    assert_int_equal(down.outcome, RDS_UNSENT);
    redis_server_start(&server);
}

/* ---- from inside callbacks ------------------------------------------------------------------ */

struct chain {
    int left, n;
    enum rds_outcome outcomes[16];
};

static void on_link(void *arg, const struct rds_result *result)
{
    struct chain *chain = arg;
    chain->outcomes[chain->n++] = result->outcome;
    if (chain->left-- > 0)
        rds_call(client.rds, on_link, chain, "PING");
}

static void commands_from_inside_callbacks(void **state)
{
    (void)state;
    struct chain chain = {.left = 10};
    rds_call(client.rds, on_link, &chain, "PING");
    WAIT_FOR(&client, chain.n == 11);
    for (int i = 0; i < chain.n; i++)
        assert_int_equal(chain.outcomes[i], RDS_OK);
}

static void commands_from_inside_an_unsent_callback(void **state)
{
    (void)state;
    struct chain chain = {.left = 3};
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_call(client.rds, on_link, &chain, "PING");
    WAIT_FOR(&client, chain.n == 4);
    rds_client_turn_for(&client, 20);
    assert_int_equal(chain.n, 4);
    for (int i = 0; i < chain.n; i++)
        assert_int_equal(chain.outcomes[i], RDS_UNSENT);
    rds_client_release(&client);
}

static void commands_from_inside_a_lost_callback_are_unsent(void **state)
{
    (void)state;
    struct chain chain = {.left = 2};
    redis_server_signal(&server, SIGSTOP);
    rds_call(client.rds, on_link, &chain, "PING");
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, chain.n == 3);
    assert_int_equal(chain.outcomes[0], RDS_LOST);
    assert_int_equal(chain.outcomes[1], RDS_UNSENT);
    assert_int_equal(chain.outcomes[2], RDS_UNSENT);
    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static void cancelled_command_is_silent_but_runs(void **state)
{
    (void)state;
    struct seen first = {0}, cancelled = {0}, last = {0};
    rds_call(client.rds, seen_fill, &first, "SET", "n", "1");
    struct rds_cmd *cmd = rds_call(client.rds, seen_fill, &cancelled, "INCR", "n");
    rds_call(client.rds, seen_fill, &last, "GET", "n");
    rds_cancel(cmd);
    rds_cancel(cmd); /* twice is fine */
    WAIT_FOR(&client, last.n);
    assert_int_equal(first.n, 1);
    assert_int_equal(cancelled.n, 0);
    assert_string_equal(last.str, "2");
    rds_cancel(NULL);
}

static void cancelled_command_is_silent_when_unsent_or_lost(void **state)
{
    (void)state;
    struct seen lost = {0}, unsent = {0};
    redis_server_signal(&server, SIGSTOP);
    rds_cancel(rds_call(client.rds, seen_fill, &lost, "PING"));
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    rds_cancel(rds_call(client.rds, seen_fill, &unsent, "PING"));
    rds_client_turn_for(&client, 20);
    assert_int_equal(lost.n, 0);
    assert_int_equal(unsent.n, 0);
    redis_server_start(&server);
}

static struct rds_cmd *victim;

static void on_cancel_another(void *arg, const struct rds_result *result)
{
    seen_fill(arg, result);
    rds_cancel(victim);
}

/* Of three commands, the first one's callback cancels the second. */
static void check_cancelling_another(void)
{
    struct seen first = {0}, second = {0}, third = {0};
    rds_call(client.rds, on_cancel_another, &first, "PING");
    victim = rds_call(client.rds, seen_fill, &second, "PING");
    rds_call(client.rds, seen_fill, &third, "PING");
    WAIT_FOR(&client, third.n);
    assert_int_equal(first.n, 1);
    assert_int_equal(second.n, 0);
}

static void cancelling_another_from_inside_a_callback(void **state)
{
    (void)state;
    check_cancelling_another();
}

static void cancelling_another_unsent_from_inside_a_callback(void **state)
{
    (void)state;
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    check_cancelling_another();
    rds_client_release(&client);
}

/* ---- blocking commands ----------------------------------------------------------------------- */

static void blocking_connection_waits_for_its_command(void **state)
{
    (void)state;
    struct seen nothing = {0};
    rds_client_open(&client, &(struct rds_options){.address = server.socket,
                                                   .user = "tester",
                                                   .client_name = "tiffin-unit",
                                                   .timeout_ms = 5000,
                                                   .blocking = 1});
    WAIT_FOR(&client, rds_is_up(client.rds));
    int64_t start = clock_mono_ms();
    ASK(&nothing, "BLPOP", "no such list", "0.05");
    assert_in_range(clock_mono_ms() - start, 40, WAIT_MS);
    assert_int_equal(nothing.outcome, RDS_OK);
    assert_int_equal(nothing.len, 0);
    rds_client_release(&client);
}

static void forced_unblock_is_an_error_and_a_new_connection(void **state)
{
    (void)state;
    struct rds_client blocked;
    struct seen id = {0}, wait = {0}, unblock = {0};
    char number[32];
    rds_client_init(&blocked, server.socket, "tester");
    WAIT_FOR(&blocked, rds_is_up(blocked.rds));
    rds_call(blocked.rds, seen_fill, &id, "CLIENT", "ID");
    WAIT_FOR(&blocked, id.n);
    snprintf(number, sizeof number, "%lld", (long long)id.number);
    rds_call(blocked.rds, seen_fill, &wait, "BLPOP", "no such list", "0");
    for (int64_t end = clock_mono_ms() + WAIT_MS; unblock.number != 1;) { /* 0: not there yet */
        assert_true(clock_mono_ms() < end);
        rds_client_turn(&blocked);
        unblock = (struct seen){0};
        ASK(&unblock, "CLIENT", "UNBLOCK", number, "ERROR");
    }
    WAIT_FOR(&blocked, wait.n);
    assert_int_equal(wait.outcome, RDS_ERROR);
    assert_int_equal(strncmp(wait.text, "UNBLOCKED ", 10), 0);
    WAIT_FOR(&blocked, blocked.ups == 2);
    rds_client_release(&blocked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UP(replies_of_every_type),
        UP(empty_arguments_pass),
        UP(arguments_are_copied_before_the_call_returns),
        UP(callback_may_be_absent),
        UP(error_reply_is_an_error_and_the_connection_stays),
        cmocka_unit_test(missing_right_is_an_error),
        UP(many_commands_complete_once_each_in_order),
        UP(large_values_pass_in_both_directions),
        UP(never_called_back_before_the_call_returns),
        UP(commands_from_inside_callbacks),
        cmocka_unit_test(commands_from_inside_an_unsent_callback),
        UP(commands_from_inside_a_lost_callback_are_unsent),
        UP(cancelled_command_is_silent_but_runs),
        UP(cancelled_command_is_silent_when_unsent_or_lost),
        UP(cancelling_another_from_inside_a_callback),
        cmocka_unit_test(cancelling_another_unsent_from_inside_a_callback),
        cmocka_unit_test(blocking_connection_waits_for_its_command),
        UP(forced_unblock_is_an_error_and_a_new_connection),
    };
    return cmocka_run_group_tests_name("base/rds_commands", tests, rds_fixture_setup,
                                       rds_fixture_teardown);
}
