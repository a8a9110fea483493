/* The connection against a redis-server of our own: it comes up, is lost when the server is stopped
 * or killed, and comes back. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <string.h>

#include "tests/unit/support/rds_fixture.h"

/* ---- coming up ----------------------------------------------------------------------------- */

static void comes_up_and_tells_once(void **state)
{
    (void)state;
    rds_client_init(&client, server.socket, "tester");
    assert_false(rds_is_up(client.rds));
    assert_string_equal(rds_reason(client.rds), "not connected yet");
    assert_int_equal(client.ups, 0);
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_client_turn_for(&client, 20);
    assert_int_equal(client.ups, 1);
    assert_int_equal(client.downs, 0);
    assert_string_equal(rds_reason(client.rds), "");
    rds_client_release(&client);
}

static void signs_in_as_its_user_under_its_name(void **state)
{
    (void)state;
    struct seen user = {0}, name = {0};
    ASK(&user, "ACL", "WHOAMI");
    ASK(&name, "CLIENT", "GETNAME");
    assert_string_equal(user.str, "tester");
    assert_string_equal(name.str, "tiffin-unit");
}

static void knows_the_time_of_redis(void **state)
{
    (void)state;
    int64_t apart = rds_now_ms(client.rds) - clock_wall_ms();
    assert_in_range(apart + WAIT_MS, 0, 2 * WAIT_MS); /* the same machine's clock */
}

static void wrong_password_keeps_it_down_with_the_reason(void **state)
{
    (void)state;
    redis_server_set_secret(&server, "tester", "wrong");
    rds_client_init(&client, server.socket, "tester");
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "WRONGPASS"));
    assert_false(rds_is_up(client.rds));
    assert_int_equal(client.ups, 0);
    assert_int_equal(client.downs, 0);
    struct seen s = {0};
    ASK(&s, "PING");
    assert_int_equal(s.outcome, RDS_UNSENT);
    assert_non_null(strstr(s.text, "WRONGPASS"));
    /* and once it is put right, it comes up by itself */
    redis_server_set_secret(&server, "tester", "sesame");
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    rds_client_release(&client);
}

static void missing_password_keeps_it_down_with_the_reason(void **state)
{
    (void)state;
    redis_server_set_secret(&server, "tester", NULL);
    rds_client_init(&client, server.socket, "tester");
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "no password of Redis user tester"));
    assert_false(rds_is_up(client.rds));
    redis_server_set_secret(&server, "tester", "sesame");
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_client_release(&client);
}

static void address_where_nobody_listens(void **state)
{
    static const char *const ADDRESSES[] = {"/tmp/tiffin-unit-nowhere/redis.sock", "127.0.0.1:1"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ADDRESSES); i++) {
        struct seen s = {0};
        rds_client_init(&client, ADDRESSES[i], "tester");
        WAIT_FOR(&client, strstr(rds_reason(client.rds), ADDRESSES[i]));
        assert_false(rds_is_up(client.rds));
        ASK(&s, "PING");
        assert_int_equal(s.outcome, RDS_UNSENT);
        assert_non_null(strstr(s.text, "cannot connect"));
        assert_int_equal(client.ups + client.downs, 0);
        rds_client_release(&client);
    }
}

/* ---- losing it ------------------------------------------------------------------------------ */

static void stopped_redis_times_out_and_recovers(void **state)
{
    (void)state;
    struct seen s[3] = {0}, later = {0};
    redis_server_signal(&server, SIGSTOP);
    int64_t start = clock_mono_ms();
    rds_client_turn(&client); /* a call's time counts from the beginning of its turn */
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &s[i], "PING");
    WAIT_FOR(&client, s[2].n);
    assert_in_range(clock_mono_ms() - start, SHORT_MS - 10, WAIT_MS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].n, 1);
        assert_int_equal(s[i].outcome, RDS_TIMEOUT);
        assert_string_equal(s[i].text, "Redis does not answer");
    }
    assert_false(rds_is_up(client.rds));
    assert_string_equal(rds_reason(client.rds), "Redis does not answer");
    ASK(&later, "PING");
    assert_int_equal(later.outcome, RDS_UNSENT);
    assert_int_equal(client.downs, 1);

    redis_server_signal(&server, SIGCONT);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    assert_int_equal(client.ups, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s[i].n, 1); /* no late answers */
}

/* The oldest command's time counts, not that of one sent a moment ago. */
static void deadline_is_the_oldest_commands(void **state)
{
    (void)state;
    struct seen first = {0}, second = {0};
    redis_server_signal(&server, SIGSTOP);
    int64_t start = clock_mono_ms();
    rds_client_turn(&client);
    rds_call(client.rds, seen_fill, &first, "PING");
    rds_client_turn_for(&client, SHORT_MS / 4);
    rds_call(client.rds, seen_fill, &second, "PING");
    WAIT_FOR(&client, first.n);
    assert_in_range(clock_mono_ms() - start, SHORT_MS - 10, WAIT_MS);
    assert_int_equal(second.n, 1);
    assert_int_equal(second.outcome, RDS_TIMEOUT);
    redis_server_signal(&server, SIGCONT);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

static void steady_answers_never_time_out(void **state)
{
    (void)state;
    for (int64_t end = clock_mono_ms() + 2 * SHORT_MS; clock_mono_ms() < end;)
        assert_works();
    rds_client_turn_for(&client, SHORT_MS + 20); /* and an idle connection does not either */
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void killed_redis_loses_what_is_pending_and_comes_back(void **state)
{
    (void)state;
    struct seen s[3] = {0}, away = {0};
    redis_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &s[i], "PING");
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, s[2].n);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].n, 1);
        assert_int_equal(s[i].outcome, RDS_LOST);
        assert_string_equal(s[i].text, "the connection to Redis broke");
    }
    WAIT_FOR(&client, client.downs);
    assert_false(rds_is_up(client.rds));
    ASK(&away, "PING");
    assert_int_equal(away.outcome, RDS_UNSENT);
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "cannot connect"));

    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    assert_int_equal(client.ups, 2);
    assert_int_equal(client.downs, 1);
}

static void idle_connection_notices_the_end(void **state)
{
    (void)state;
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    assert_false(rds_is_up(client.rds));
    redis_server_start(&server);
    WAIT_FOR(&client, client.ups == 2);
    assert_works();
}

/* A command in the same turn in which the connection breaks unseen: completed all the same. */
static void command_into_a_broken_connection_is_completed(void **state)
{
    (void)state;
    struct seen s = {0};
    redis_server_kill(&server);
    ASK(&s, "PING");
    assert_int_equal(s.outcome, RDS_LOST);
    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

/* ---- servers that cannot serve --------------------------------------------------------------- */

static void refusal_for_now_keeps_the_connection(void **state)
{
    (void)state;
    struct seen full = {0}, set = {0}, room = {0};
    ASK(&full, "CONFIG", "SET", "maxmemory", "1");
    ASK(&set, "SET", "key", "value");
    assert_int_equal(set.outcome, RDS_ERROR);
    assert_int_equal(strncmp(set.text, "OOM ", 4), 0);
    ASK(&room, "CONFIG", "SET", "maxmemory", "0");
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void read_only_server_is_left_for_a_new_connection(void **state)
{
    (void)state;
    struct seen replica = {0}, set = {0}, behind = {0};
    ASK(&replica, "REPLICAOF", "127.0.0.1", "1");
    rds_call(client.rds, seen_fill, &set, "SET", "key", "value");
    rds_call(client.rds, seen_fill, &behind, "PING");
    WAIT_FOR(&client, set.n && behind.n);
    assert_int_equal(set.outcome, RDS_UNSENT);
    assert_int_equal(strncmp(set.text, "READONLY ", 9), 0);
    assert_true(behind.outcome == RDS_OK || behind.outcome == RDS_LOST);
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "is a slave, not a master"));
    assert_int_equal(client.ups, 1);
    redis_server_ask(&server, "REPLICAOF", "NO", "ONE");
    WAIT_FOR(&client, client.downs == 1 && client.ups == 2);
    assert_int_equal(set.n, 1);
    assert_int_equal(behind.n, 1);
    assert_works();
}

/* ---- the end --------------------------------------------------------------------------------- */

static void free_with_commands_pending_completes_none(void **state)
{
    (void)state;
    struct seen sent[3] = {0}, queued = {0};
    rds_fixture_connect(NULL);
    redis_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &sent[i], "PING");
    rds_client_turn(&client);
    rds_call(client.rds, seen_fill, &queued, "PING"); /* not written yet */
    rds_client_release(&client);
    assert_int_equal(sent[0].n + sent[1].n + sent[2].n + queued.n, 0);
    assert_int_equal(client.downs, 0);
    redis_server_signal(&server, SIGCONT);
}

static void free_with_unsent_commands_completes_none(void **state)
{
    (void)state;
    struct seen s = {0};
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_call(client.rds, seen_fill, &s, "PING");
    rds_client_release(&client);
    assert_int_equal(s.n, 0);
}

static void free_while_connecting(void **state)
{
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    rds_client_init(&client, server.socket, "tester");
    rds_client_turn_for(&client, 20);
    assert_false(rds_is_up(client.rds));
    rds_client_release(&client);
    redis_server_signal(&server, SIGCONT);
    rds_client_init(&client, server.socket, "tester");
    rds_client_release(&client); /* before the loop has turned */
}

static void free_while_waiting_to_try_again(void **state)
{
    (void)state;
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_client_turn_for(&client, 30);
    rds_client_release(&client);
    rds_free(NULL);
}

#define SHORT(test) \
    cmocka_unit_test_setup_teardown(test, rds_fixture_connect_short, rds_fixture_disconnect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_up_and_tells_once),
        UP(signs_in_as_its_user_under_its_name),
        UP(knows_the_time_of_redis),
        cmocka_unit_test(wrong_password_keeps_it_down_with_the_reason),
        cmocka_unit_test(missing_password_keeps_it_down_with_the_reason),
        cmocka_unit_test(address_where_nobody_listens),
        SHORT(stopped_redis_times_out_and_recovers),
        SHORT(deadline_is_the_oldest_commands),
        SHORT(steady_answers_never_time_out),
        UP(killed_redis_loses_what_is_pending_and_comes_back),
        UP(idle_connection_notices_the_end),
        UP(command_into_a_broken_connection_is_completed),
        UP(refusal_for_now_keeps_the_connection),
        UP(read_only_server_is_left_for_a_new_connection),
        cmocka_unit_test(free_with_commands_pending_completes_none),
        cmocka_unit_test(free_with_unsent_commands_completes_none),
        cmocka_unit_test(free_while_connecting),
        cmocka_unit_test(free_while_waiting_to_try_again),
    };
    return cmocka_run_group_tests_name("base/rds", tests, rds_fixture_setup, rds_fixture_teardown);
}
