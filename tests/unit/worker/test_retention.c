/* Which orders are asked to go, in walks through the index, by what Redis answers about its memory
 * and about them. */
#include "tests/unit/support/test.h"

#include <stdio.h>

#include "base/conf.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"

#define ROUND_MS 1000
#define EXPIRED_ROUNDS 60 /* as in retention.c */

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    struct worker *w = *state;
    w->gateway = payment_gateway_new(w->loop, &w->intake.lease_until_ms);
    retention_start(w);
    return err;
}

static int teardown(void **state)
{
    struct worker *w = *state;
    retention_stop(w);
    payment_gateway_free(w->gateway);
    return worker_fixture_teardown(state);
}

static void answer_memory(int used_pct)
{
    char info[80];
    snprintf(info, sizeof info, "# Memory\r\nused_memory:%d\r\nmaxmemory:1000\r\n", used_pct * 10);
    fake_rds_answer("INFO", reply_text(info));
}

static void expect_nothing(void)
{
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

/* One round, in which so much of the memory is used. */
static void round_at(struct worker *w, int used_pct)
{
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting(NULL), 1);
    answer_memory(used_pct);
}

/* Memory has become short, and the walk asks for the oldest orders. */
static void become_short(struct worker *w)
{
    round_at(w, 61);
    assert_int_equal(fake_rds_waiting("oldest"), 1);
}

/* ["released", n_stay, key] or, without a key, ["released", n_stay]. */
static redis_reply *released(int n_stay, const char *key)
{
    return reply_array(key ? 3 : 2, reply_text("released"), reply_int(n_stay),
                       key ? reply_text(key) : NULL);
}

static void expired_orders_leave_the_index_once_a_minute(void **state)
{
    struct worker *w = *state;
    for (int i = 1; i < EXPIRED_ROUNDS; i++) {
        round_at(w, 30);
        expect_nothing();
    }
    fake_clock_advance(w->loop, ROUND_MS);
    assert_string_equal(fake_rds_client("INFO"), "tiffin-retention");
    answer_memory(30);
    assert_string_equal(fake_rds_arg("oldest", 0), w->id);
    assert_int_equal(fake_rds_arg_int("oldest", 2), 0);               /* from the old end on */
    assert_int_equal(fake_rds_arg_int("oldest", 4), 30 * 86400000LL); /* older than they are kept */
    assert_int_equal(fake_rds_arg_int("oldest", 5), 0);
}

static void short_memory_begins_a_walk_at_once(void **state)
{
    struct worker *w = *state;
    become_short(w);
    assert_int_equal(fake_rds_arg_int("oldest", 4),
                     conf.request_timeout_ms + 1000); /* not sent again */
    assert_int_equal(fake_rds_arg_int("oldest", 5), 1);
    fake_rds_answer("oldest", reply_words("waiting")); /* it is another worker's turn */
    expect_nothing();
    round_at(w, 55); /* between the two marks it goes on */
    assert_int_equal(fake_rds_waiting("oldest"), 1);
    fake_rds_answer("oldest", reply_words("waiting"));
    round_at(w, 50);
    expect_nothing();
    round_at(w, 60);
    expect_nothing(); /* and begins again above the upper one */
}

static void a_batch_goes_with_its_entries_in_the_ledger(void **state)
{
    struct worker *w = *state;
    become_short(w);
    fake_rds_answer("oldest", reply_words("oldest", "order_00a", "order_00b"));
    assert_int_equal(fake_rds_arg_int("release", 0), 1);
    assert_string_equal(fake_rds_arg("release", 1), "order_00a");
    assert_string_equal(fake_rds_arg("release", 2), "order_00b");
    fake_rds_answer("release", released(0, "pay_a"));
    assert_string_equal(fake_rds_client("gateway_forget"), "tiffin-gateway");
    assert_int_equal(fake_rds_waiting(NULL), 1); /* the ledger first, or it would keep them */
    fake_rds_answer("gateway_forget", reply_array(2, reply_text("forgotten"), reply_int(1)));
    assert_string_equal(fake_rds_arg("forget", 0), "order_00a");
    assert_string_equal(fake_rds_arg("forget", 1), "order_00b");
    fake_rds_answer("forget", reply_array(2, reply_text("forgotten"), reply_int(2)));
    assert_int_equal(w->retention.n_forgotten, 2);
    answer_memory(61); /* still short: the walk goes on */
    assert_int_equal(fake_rds_waiting("oldest"), 1);
}

static void what_was_never_charged_goes_without_the_ledger(void **state)
{
    become_short(*state);
    fake_rds_answer("oldest", reply_words("oldest", "order_00a"));
    fake_rds_answer("release", released(0, NULL));
    assert_int_equal(fake_rds_waiting("forget"), 1);
}

static void orders_that_stay_are_stepped_over_by_their_number(void **state)
{
    become_short(*state);
    fake_rds_answer("oldest", reply_words("oldest", "order_00a", "order_00b"));
    fake_rds_answer("release", released(2, NULL));
    assert_int_equal(fake_rds_arg_int("oldest", 2), 2);
    fake_rds_answer("oldest", reply_words("oldest", "order_00c", "order_00d"));
    fake_rds_answer("release", released(1, NULL));
    fake_rds_answer("forget", reply_array(2, reply_text("forgotten"), reply_int(1)));
    answer_memory(61);
    assert_int_equal(fake_rds_arg_int("oldest", 2), 3);
}

/* A walk that has met many which stay begins again later, not in the next round. */
static void a_long_walk_without_effect_is_followed_by_a_rest(void **state)
{
    struct worker *w = *state;
    become_short(w);
    fake_rds_answer("oldest", reply_words("oldest", "order_00a"));
    fake_rds_answer("release", released(20000, NULL));
    fake_rds_answer("oldest", reply_words("oldest")); /* the end of the index */
    expect_nothing();
    round_at(w, 61);
    expect_nothing();
    round_at(w, 61);
    assert_int_equal(fake_rds_arg_int("oldest", 2), 0);
}

static void an_id_that_is_too_long_stays(void **state)
{
    become_short(*state);
    fake_rds_answer("oldest", reply_words("oldest", "order_00abcdefghijklmnopqrstuvwxyz234567",
                                          NULL, "order_00a"));
    assert_string_equal(fake_rds_arg("release", 1), "order_00a");
    assert_string_equal(fake_rds_arg("release", 2), "");
    fake_rds_answer("release", released(1, NULL));
    assert_int_equal(fake_rds_arg_int("oldest", 2), 3);
}

static void any_lost_answer_ends_the_walk(void **state)
{
    static const char *const COMMANDS[] = {"INFO", "oldest", "release", "gateway_forget", "forget"};
    struct worker *w = *state;
    become_short(w);
    fake_rds_answer("oldest", reply_words("waiting"));
    for (size_t i = 0; i < LENGTH(COMMANDS); i++) {
        fake_clock_advance(w->loop, ROUND_MS);
        if (i > 0)
            answer_memory(61);
        if (i > 1)
            fake_rds_answer("oldest", reply_words("oldest", "order_00a"));
        if (i > 2)
            fake_rds_answer("release", released(0, "pay_a"));
        if (i > 3)
            fake_rds_answer("gateway_forget", reply_words("forgotten"));
        fake_rds_fail(COMMANDS[i], i % 2 ? RDS_ERROR : RDS_LOST, "ERR of any kind");
        expect_nothing();
    }
}

static void malformed_answers_end_the_walk(void **state)
{
    struct worker *w = *state;
    fake_clock_advance(w->loop, ROUND_MS);
    fake_rds_answer("INFO", reply_text("nonsense"));
    expect_nothing();
    become_short(w);
    fake_rds_answer("oldest", reply_words("oldest", "order_00a"));
    fake_rds_answer("release", reply_words("released", "-1"));
    expect_nothing();
}

static void while_redis_is_away_no_round_begins(void **state)
{
    struct worker *w = *state;
    fake_rds_set_up(w->retention.rds, 0);
    fake_clock_advance(w->loop, ROUND_MS);
    expect_nothing();
    fake_rds_set_up(w->retention.rds, 1);
    fake_clock_advance(w->loop, ROUND_MS);
    fake_clock_advance(w->loop, ROUND_MS);
    assert_int_equal(fake_rds_waiting(NULL), 1); /* one command at a time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        TEST(expired_orders_leave_the_index_once_a_minute),
        TEST(short_memory_begins_a_walk_at_once),
        TEST(a_batch_goes_with_its_entries_in_the_ledger),
        TEST(what_was_never_charged_goes_without_the_ledger),
        TEST(orders_that_stay_are_stepped_over_by_their_number),
        TEST(a_long_walk_without_effect_is_followed_by_a_rest),
        TEST(an_id_that_is_too_long_stays),
        TEST(any_lost_answer_ends_the_walk),
        TEST(malformed_answers_end_the_walk),
        TEST(while_redis_is_away_no_round_begins),
    };
    return cmocka_run_group_tests_name("worker/retention", tests, NULL, NULL);
}
