/* For the tests of rds: a redis-server for each program, a connection for each test. */
#ifndef TIFFIN_TESTS_SUPPORT_RDS_FIXTURE_H
#define TIFFIN_TESTS_SUPPORT_RDS_FIXTURE_H

#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/redis_server.h"

#define SHORT_MS 1000 /* a timeout to wait for; no busy machine stands still so long */

extern struct redis_server server;
extern struct rds_client client;

/* Of a group of tests: starts the server; conf knows its secrets. */
int rds_fixture_setup(void **state);
int rds_fixture_teardown(void **state);

/* Setups of a test: `client` is up, as tester. The server is put right first, if the test before
 * has failed and left it stopped, dead or with another password. */
int rds_fixture_connect(void **state);
int rds_fixture_connect_short(void **state); /* with a timeout of SHORT_MS */
/* The same, as another user. */
void rds_fixture_connect_as(const char *user);
/* The teardown of all three. */
int rds_fixture_disconnect(void **state);

/* A test with a connection that is up. */
#define UP(test) cmocka_unit_test_setup_teardown(test, rds_fixture_connect, rds_fixture_disconnect)

/* Sends one command and waits for its end. */
#define ASK(ret, ...) \
    do { \
        rds_call(client.rds, seen_fill, (ret), __VA_ARGS__); \
        WAIT_FOR(&client, (ret)->n); \
        assert_int_equal((ret)->n, 1); \
    } while (0)

/* An ECHO comes back. */
void assert_works(void);

#endif
