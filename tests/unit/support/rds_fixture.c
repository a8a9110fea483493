#include "tests/unit/support/rds_fixture.h"

#include <signal.h>

#include "base/conf.h"
#include "tests/unit/support/test.h"

struct redis_server server;
struct rds_client client;

int rds_fixture_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    redis_server_init(&server);
    conf.secrets_dir = server.secrets;
    return 0;
}

int rds_fixture_teardown(void **state)
{
    (void)state;
    redis_server_release(&server);
    return 0;
}

static void mend_server(void)
{
    redis_server_set_secret(&server, "tester", "sesame");
    if (server.pid)
        redis_server_signal(&server, SIGCONT);
    else
        redis_server_start(&server);
}

static void connect_with(const struct rds_options *options)
{
    mend_server();
    rds_client_open(&client, options);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

void rds_fixture_connect_as(const char *user)
{
    connect_with(&(struct rds_options){
        .address = server.socket, .user = user, .client_name = "tiffin-unit", .timeout_ms = 5000});
}

int rds_fixture_connect(void **state)
{
    (void)state;
    rds_fixture_connect_as("tester");
    return 0;
}

int rds_fixture_connect_short(void **state)
{
    (void)state;
    connect_with(&(struct rds_options){.address = server.socket,
                                       .user = "tester",
                                       .client_name = "tiffin-unit",
                                       .timeout_ms = SHORT_MS});
    return 0;
}

int rds_fixture_disconnect(void **state)
{
    (void)state;
    rds_client_release(&client);
    return 0;
}

void assert_works(void)
{
    struct seen s = {0};
    ASK(&s, "ECHO", "still here");
    assert_int_equal(s.outcome, RDS_OK);
    assert_string_equal(s.str, "still here");
}
