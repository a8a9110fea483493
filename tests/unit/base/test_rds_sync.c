/* The synchronous conversation, with a real redis-server. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/rds.h"
#include "base/rds_sync.h"
#include "tests/unit/support/rds_fixture.h"

static char error[300];

static int open_as(const char *address, const char *user, const char *password,
                   struct rds_sync **ret)
{
    struct rds_sync_options options = {.address = address, .user = user, .password = password};
    return rds_sync_open(&options, ret, error, sizeof error);
}

static void read_password(char password[100])
{
    char path[200];
    snprintf(path, sizeof path, "%s/tester", server.secrets);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(fgets(password, 100, f));
    (void)fclose(f);
    password[strcspn(password, "\n")] = '\0';
}

static struct rds_sync *open_tester(void)
{
    char password[100];
    struct rds_sync *r = NULL;
    read_password(password);
    assert_int_equal(open_as(server.socket, "tester", password, &r), 0);
    return r;
}

static void test_calls(void **state)
{
    struct redis_command cmd;
    int64_t n;
    (void)state;
    struct rds_sync *r = open_tester();
    command_begin(&cmd, "SET");
    command_add_format(&cmd, "k%d", 1);
    command_add(&cmd, "7");
    struct redisReply *reply = rds_sync_call(r, &cmd);
    assert_string_equal(rds_str(reply), "OK");
    assert_int_equal(cmd.n, 0);
    rds_sync_free(reply);
    reply = rds_sync_ask(r, "GET", "k1");
    assert_int_equal(rds_int(reply, &n), 0);
    assert_int_equal(n, 7);
    rds_sync_free(reply);
    rds_sync_close(r);
}

static void test_errors_do_not_end_it(void **state)
{
    (void)state;
    struct rds_sync *r = open_tester();
    assert_null(rds_sync_ask(r, "LPOP", "k1", "x", "y"));
    assert_non_null(strstr(rds_sync_error(r), "wrong number of arguments"));
    assert_false(rds_sync_is_lost(r));
    struct redisReply *reply = rds_sync_ask(r, "PING");
    assert_string_equal(rds_str(reply), "PONG");
    rds_sync_free(reply);
    rds_sync_close(r);
}

static void queue(struct rds_sync *r, const char *name, const char *word)
{
    struct redis_command cmd;
    command_begin(&cmd, name);
    command_add(&cmd, word);
    rds_sync_queue(r, &cmd);
}

static void test_pipeline(void **state)
{
    (void)state;
    struct rds_sync *r = open_tester();
    queue(r, "ECHO", "a");
    queue(r, "NONSENSE", "x");
    queue(r, "ECHO", "b");
    struct redisReply *reply = rds_sync_next(r);
    assert_string_equal(rds_str(reply), "a");
    rds_sync_free(reply);
    assert_null(rds_sync_next(r));
    reply = rds_sync_next(r);
    assert_string_equal(rds_str(reply), "b");
    rds_sync_free(reply);
    rds_sync_close(r);
}

static void test_who_is_not_let_in(void **state)
{
    struct rds_sync *r = NULL;
    (void)state;
    assert_int_equal(open_as(server.socket, "tester", "wrong", &r), -EACCES);
    assert_non_null(strstr(error, "does not let tester in"));
    assert_int_equal(open_as("/nowhere/redis.sock", "tester", "x", &r), -ETIMEDOUT);
    assert_non_null(strstr(error, "no Redis at /nowhere/redis.sock after 0 s"));
    assert_null(r);
}

static void test_addresses(void **state)
{
    static const char *const BAD[] = {":6379", "host:0", "host:65536", "host:x", "host:"};
    struct rds_sync *r = NULL;
    char longest[400];
    (void)state;
    for (size_t i = 0; i < LENGTH(BAD); i++)
        assert_int_equal(open_as(BAD[i], "tester", "x", &r), -EINVAL);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(open_as(longest, "tester", "x", &r), -EINVAL);
    assert_int_equal(open_as("127.0.0.1:1", "tester", "x", &r), -ETIMEDOUT);
    assert_int_equal(open_as("[::1]:1", "tester", "x", &r), -ETIMEDOUT);
}

static void test_lost(void **state)
{
    (void)state;
    struct rds_sync *r = open_tester();
    redis_server_kill(&server);
    assert_null(rds_sync_ask(r, "PING"));
    assert_true(rds_sync_is_lost(r));
    assert_true(strlen(rds_sync_error(r)) > 0);
    assert_null(rds_sync_ask(r, "PING")); /* and so is every later one */
    rds_sync_close(r);
    redis_server_start(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),     cmocka_unit_test(test_errors_do_not_end_it),
        cmocka_unit_test(test_pipeline),  cmocka_unit_test(test_who_is_not_let_in),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_lost),
    };
    return cmocka_run_group_tests(tests, rds_fixture_setup, rds_fixture_teardown);
}
