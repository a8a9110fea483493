/* Group commit: what a connection with acknowledgements sends, and when it tells of the answers. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/rds.h"
#include "tests/unit/support/node.h"
#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/secrets.h"

static struct ev_loop *loop;
static ev_timer tick;
static struct node node;
static struct rds *rds;
static char address[32];

static void on_tick(struct ev_loop *l, ev_timer *t, int revents)
{
    (void)l, (void)t, (void)revents;
}

#define UNTIL(condition) WAIT_UNTIL(condition, ev_run(loop, EVRUN_ONCE))

static int start(void **state)
{
    (void)state;
    secrets_make("api");
    conf.redis_acks_ms = 500;
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&tick, on_tick, 0.005, 0.005);
    ev_timer_start(loop, &tick);
    node_start(&node, loop);
    snprintf(address, sizeof address, "127.0.0.1:%d", node.port);
    rds = rds_new(loop, &(struct rds_options){.address = address,
                                              .user = "api",
                                              .client_name = "tiffin-unit",
                                              .acks = 1,
                                              .timeout_ms = 5000});
    UNTIL(rds_is_up(rds));
    node.n_others = 0; /* those of the greeting */
    node.holds_waits = 1;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rds_free(rds);
    node_stop(&node);
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
    secrets_remove();
    return 0;
}

static struct rds_cmd *send_one(struct seen *seen)
{
    *seen = (struct seen){0};
    return rds_call(rds, seen_fill, seen, "STORE");
}

static void answers_are_kept_back_for_the_acknowledgements(void **state)
{
    (void)state;
    struct seen a, b;
    send_one(&a);
    send_one(&b);
    UNTIL(node.n_waits == 1);
    assert_int_equal(node.n_others, 2); /* one WAIT for both, behind them */
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(a.n + b.n, 0);
    node_acknowledge(&node, 1);
    UNTIL(a.n && b.n);
    assert_int_equal(a.outcome, RDS_OK);
    assert_string_equal(b.str, "OK");
}

static void what_comes_meanwhile_shares_the_next_wait(void **state)
{
    (void)state;
    struct seen first, later[3];
    send_one(&first);
    UNTIL(node.n_waits == 1);
    for (size_t i = 0; i < LENGTH(later); i++)
        send_one(&later[i]);
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(node.n_others, 1);
    node_acknowledge(&node, 1);
    UNTIL(node.n_waits == 2);
    assert_int_equal(node.n_others, 4);
    assert_int_equal(first.n, 1);
    assert_int_equal(later[0].n, 0);
    node_acknowledge(&node, 1);
    UNTIL(later[0].n && later[1].n && later[2].n);
    assert_int_equal(later[2].outcome, RDS_OK);
    assert_int_equal(node.n_waits, 2); /* nothing sent, nothing to wait for */
}

static void too_few_are_as_good_as_lost(void **state)
{
    (void)state;
    struct seen a, b;
    send_one(&a);
    UNTIL(node.n_waits == 1);
    send_one(&b);
    node_acknowledge(&node, 0);
    UNTIL(a.n);
    assert_int_equal(a.outcome, RDS_LOST);
    assert_non_null(strstr(a.text, "too few replicas"));
    UNTIL(node.n_waits == 2); /* the connection is a good one */
    node_acknowledge(&node, 1);
    UNTIL(b.n);
    assert_int_equal(b.outcome, RDS_OK);
}

static void a_lost_connection_ends_both(void **state)
{
    (void)state;
    struct seen sent, queued;
    send_one(&sent);
    UNTIL(node.n_waits == 1);
    send_one(&queued);
    node_stop(&node);
    UNTIL(sent.n && queued.n);
    assert_int_equal(sent.outcome, RDS_LOST);
    assert_int_equal(queued.outcome, RDS_UNSENT);
}

static void a_refusal_needs_no_acknowledgement(void **state)
{
    (void)state;
    struct seen refused = {0};
    rds_call(rds, seen_fill, &refused, "FAIL");
    UNTIL(refused.n);
    assert_int_equal(refused.outcome, RDS_ERROR);
}

static void one_that_is_cancelled_is_not_told(void **state)
{
    (void)state;
    struct seen gone, other;
    struct rds_cmd *cmd = send_one(&gone);
    send_one(&other);
    UNTIL(node.n_waits == 1);
    rds_cancel(cmd);
    struct seen waiting;
    rds_cancel(send_one(&waiting));
    node_acknowledge(&node, 1);
    UNTIL(other.n && node.n_waits == 2);
    assert_int_equal(gone.n + waiting.n, 0);
}

/* What is kept back and what waits is freed with the connection. */
static void the_end_tells_nobody(void **state)
{
    (void)state;
    struct seen kept, waiting;
    send_one(&kept);
    UNTIL(node.n_waits == 1);
    ev_run(loop, EVRUN_ONCE);
    send_one(&waiting);
    rds_free(rds);
    rds = NULL;
    assert_int_equal(kept.n + waiting.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(answers_are_kept_back_for_the_acknowledgements),
        TEST(what_comes_meanwhile_shares_the_next_wait),
        TEST(too_few_are_as_good_as_lost),
        TEST(a_lost_connection_ends_both),
        TEST(a_refusal_needs_no_acknowledgement),
        TEST(one_that_is_cancelled_is_not_told),
        TEST(the_end_tells_nobody),
    };
    return cmocka_run_group_tests_name("base/rds_acks", tests, NULL, NULL);
}
