/* Names to addresses beside the loop: the answer comes once, never before the start has returned,
 * and not at all after a cancel. */
#include "tests/unit/support/test.h"

#include <ev.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/resolve.h"

/* Longer than a label may be: refused without asking anybody. */
#define IMPOSSIBLE \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid"

static struct answer {
    int n;
    char ip[64];
    char why[200];
} answer;
static struct ev_loop *loop;

static int setup(void **state)
{
    (void)state;
    memset(&answer, 0, sizeof answer);
    loop = ev_loop_new(EVFLAG_AUTO);
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ev_loop_destroy(loop);
    return 0;
}

static void on_answer(void *arg, const char *ip, const char *why)
{
    struct answer *a = arg;
    a->n++;
    snprintf(a->ip, sizeof a->ip, "%s", ip ? ip : "none");
    snprintf(a->why, sizeof a->why, "%s", why);
}

static void a_name_becomes_an_address(void **state)
{
    (void)state;
    resolve_start(loop, "localhost", 0, on_answer, &answer);
    assert_int_equal(answer.n, 0);
    ev_run(loop, 0); /* ends when nothing is open any more */
    assert_int_equal(answer.n, 1);
    assert_true(strcmp(answer.ip, "127.0.0.1") == 0 || strcmp(answer.ip, "::1") == 0);
    assert_string_equal(answer.why, "");
}

/* One address or two, as this machine has it. */
static void its_addresses_are_counted_round(void **state)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list;
    (void)state;
    assert_int_equal(getaddrinfo("localhost", NULL, &hints, &list), 0);
    const struct addrinfo *at = list;
    for (unsigned which = 0; which < 5; which++) {
        char ip[64];
        assert_int_equal(
            getnameinfo(at->ai_addr, at->ai_addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST), 0);
        resolve_start(loop, "localhost", which, on_answer, &answer);
        ev_run(loop, 0);
        assert_string_equal(answer.ip, ip);
        at = at->ai_next ? at->ai_next : list;
    }
    freeaddrinfo(list);
}

static void a_name_that_cannot_be_says_why(void **state)
{
    (void)state;
    resolve_start(loop, IMPOSSIBLE, 0, on_answer, &answer);
    ev_run(loop, 0);
    assert_int_equal(answer.n, 1);
    assert_string_equal(answer.ip, "none");
    assert_true(strlen(answer.why) > 5);
}

static void a_cancelled_question_is_not_answered(void **state)
{
    (void)state;
    resolve_cancel(resolve_start(loop, "localhost", 0, on_answer, &answer));
    resolve_start(loop, "localhost", 0, on_answer, &answer);
    resolve_cancel(NULL);
    ev_run(loop, 0);
    assert_int_equal(answer.n, 1);
}

static void digits_need_no_asking(void **state)
{
    (void)state;
    assert_true(resolve_is_address("10.0.0.1"));
    assert_true(resolve_is_address("fe80::1"));
    assert_false(resolve_is_address("redis"));
    assert_false(resolve_is_address("10.0.0"));
    assert_false(resolve_is_address(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_becomes_an_address, setup, teardown),
        cmocka_unit_test_setup_teardown(its_addresses_are_counted_round, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_cannot_be_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_question_is_not_answered, setup, teardown),
        cmocka_unit_test(digits_need_no_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
