/* The API without its main.c, on faked FastCGI (fakes/fake_fastcgi.h), Redis (fakes/fake_rds.h) and
 * clock (fakes/fake_clock.h): for the tests of its state machines. */
#ifndef TIFFIN_TESTS_SUPPORT_API_FIXTURE_H
#define TIFFIN_TESTS_SUPPORT_API_FIXTURE_H

#include <stdint.h>

#include "api/request.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_fastcgi.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/replies.h"

#define FIXTURE_TIMEOUT_MS 2000                   /* conf.request_timeout_ms */
#define FIXTURE_REDIS_MS INT64_C(1700000000000)   /* what Redis' clock shows: it stands still */
#define FIXTURE_ID "order_00abcdefghijklmnopqrst" /* an id that an order can have */

/* Of a group of tests: the loop, and the clock of the streams. */
int api_fixture_group_setup(void **state);
int api_fixture_group_teardown(void **state);
/* For each test. Redis is up, nothing was sent yet. */
int api_fixture_setup(void **state);
/* Fails the test when a request has no answer, or a stream is still open. */
int api_fixture_teardown(void **state);
#define WITH_API(test) \
    cmocka_unit_test_setup_teardown(test, api_fixture_setup, api_fixture_teardown)

/* A request that dispatch() has had. */
struct conn *fixture_get(const char *path);
struct conn *fixture_post(const char *path, const char *json);

/* The time passes: ms milliseconds. 0: the loop has its turn, which sends what was gathered. */
void fixture_pass(int64_t ms);

/* It was answered with this status, and the text stands in its body; else the test fails. */
void fixture_expect(const struct conn *c, int status, const char *text);

#endif
