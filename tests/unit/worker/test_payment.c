/* Payment and refund: what goes to the gateway, under which key, and what becomes of its answers.
 * With the simulated gateway, its faults, and the real runner. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/metrics.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/worker_fixture.h"
#include "worker/steps.h"

#define ID FIXTURE_ID
#define LEASE_MS INT64_C(1700000009000)
#define PATIENCE_MS 100 /* as in payment_gateway.c */

static void make_gateway(struct worker *w)
{
    payment_gateway_free(w->gateway);
    w->gateway = payment_gateway_new(w->loop, &w->intake.lease_until_ms);
}

static int setup(void **state)
{
    int err = worker_fixture_setup(state);
    struct worker *w = *state;
    conf.payment_ms = 0;
    conf.payment_decline_pct = conf.payment_error_pct = 0;
    conf.payment_timeout_pct = conf.payment_lost_reply_pct = 0;
    w->runner.steps = job_steps;
    w->intake.lease_until_ms = LEASE_MS;
    make_gateway(w);
    return err;
}

static int teardown(void **state)
{
    struct worker *w = *state;
    jobs_close_all(&w->jobs);
    payment_gateway_free(w->gateway);
    return worker_fixture_teardown(state);
}

static redis_reply *ledger_says(const char *word)
{
    return reply_array(2, reply_text(word), reply_int(1));
}

/* A payment whose key is durable and whose charge is with the gateway. */
static struct job *charge(struct worker *w)
{
    return fixture_job_at(w, "payment");
}

/* The refund of a captured payment is with the gateway. */
static struct job *refund(struct worker *w)
{
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", fixture_begun("refund", 0, "cancelled", "pay_durable"));
    return jobs_find(&w->jobs, ID);
}

static void expect_only(const char *name)
{
    fixture_turn();
    assert_int_equal(fake_rds_waiting(NULL), 1);
    assert_int_equal(fake_rds_waiting(name), 1);
}

/* The step is over with this result, and the job stays in hand. */
static void expect_step(const char *step, const char *result)
{
    expect_only("step_jobs");
    assert_string_equal(fake_rds_arg("step_jobs", 3), step);
    assert_string_equal(fake_rds_arg("step_jobs", 4), result);
    assert_string_equal(fake_rds_arg("step_jobs", 5), "0");
}

static void expect_fail(const char *reason)
{
    expect_only("fail");
    assert_string_equal(fake_rds_arg("fail", 3), "8");
    assert_string_equal(fake_rds_arg("fail", 4), reason);
}

/* ---- the key --------------------------------------------------------------------------------- */

/* begin stores the key that is proposed with it; before its answer nothing is charged. */
static void the_key_is_durable_before_the_charge(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    expect_only("begin_jobs");
    assert_string_equal(fake_rds_arg("begin_jobs", 0), ID);
    const char *proposed = fake_rds_arg("begin_jobs", 1);
    assert_memory_equal(proposed, "pay_", 4);
    assert_int_equal(strlen(proposed), 36);
    fixture_answer_job("begin_jobs", fixture_begun("payment", 0, "placed", proposed));
    expect_only("gateway_charge");
    assert_string_equal(fake_rds_client("gateway_charge"), "tiffin-gateway");
}

/* Of an earlier try, say: whatever this one proposes. */
static void the_charge_is_made_under_the_key_that_begin_tells(void **state)
{
    charge(*state);
    assert_non_null(strstr(fake_rds_key("gateway_charge", 0), "pay_durable"));
    assert_string_equal(fake_rds_arg("gateway_charge", 0), "1299");
    assert_string_equal(fake_rds_arg("gateway_charge", 1), "EUR");
    assert_string_equal(fake_rds_arg("gateway_charge", 2), "captured");
}

/* A failover may have lost the first: the gateway must know it again. */
static void every_try_proposes_the_same_key(void **state)
{
    struct worker *w = *state;
    char first[PAYMENT_KEY_SIZE];
    runner_claimed(w, ID);
    fixture_turn();
    snprintf(first, sizeof first, "%s", fake_rds_arg("begin_jobs", 1));
    fixture_answer_job("begin_jobs", reply_words("gone"));
    runner_claimed(w, ID);
    fixture_turn();
    assert_string_equal(fake_rds_arg("begin_jobs", 1), first);
}

static void a_charge_carries_the_lease_of_the_moment_it_is_sent(void **state)
{
    struct worker *w = *state;
    conf.payment_ms = 2000;
    charge(w);
    fake_clock_advance(w->loop, 1999);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    w->intake.lease_until_ms = LEASE_MS + 3000; /* a heartbeat came meanwhile */
    fake_clock_advance(w->loop, 1);
    assert_int_equal(fake_rds_arg_int("gateway_charge", 3), LEASE_MS + 3000);
}

/* ---- begin ----------------------------------------------------------------------------------- */

static void what_was_cancelled_before_it_had_a_key_is_not_charged(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", fixture_begun("payment", 0, "cancelled", ""));
    expect_step("payment", "not_charged");
}

/* It may have been charged: only the gateway knows. */
static void what_was_cancelled_after_it_had_a_key_is_asked_for(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", fixture_begun("payment", 1, "cancelled", "pay_durable"));
    fake_rds_answer("gateway_charge", ledger_says("captured"));
    expect_step("payment", "ok");
}

static void without_a_durable_key_nothing_is_charged(void **state)
{
    struct worker *w = *state;
    runner_claimed(w, ID);
    fixture_fail_job("begin_jobs", RDS_LOST, "the connection broke");
    assert_int_equal(fake_rds_waiting(NULL), 0);
    assert_int_equal(w->n_unsure, 1);
    runner_claimed(w, ID);
    fixture_answer_job("begin_jobs", fixture_begun("payment", 0, "placed", ""));
    expect_fail("a payment without a key");
}

/* ---- the charge ------------------------------------------------------------------------------ */

static void a_captured_charge_ends_the_step(void **state)
{
    int64_t captures = metric_values[M_CAPTURES], charges = metric_values[M_CHARGES];
    charge(*state);
    fake_rds_answer("gateway_charge", ledger_says("captured"));
    expect_step("payment", "ok");
    assert_int_equal(metric_values[M_CAPTURES], captures + 1);
    assert_int_equal(metric_values[M_CHARGES], charges + 1);
}

static void a_declined_charge_is_a_result_too(void **state)
{
    struct worker *w = *state;
    conf.payment_decline_pct = 100;
    make_gateway(w);
    charge(w);
    assert_string_equal(fake_rds_arg("gateway_charge", 2), "declined");
    fake_rds_answer("gateway_charge", ledger_says("declined"));
    expect_step("payment", "declined");
}

static void a_charge_without_an_answer_is_made_again(void **state)
{
    static const enum rds_outcome OUTCOMES[] = {RDS_LOST, RDS_TIMEOUT, RDS_UNSENT, RDS_ERROR};
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(OUTCOMES); i++) {
        charge(w);
        fake_rds_fail("gateway_charge", OUTCOMES[i], "no answer");
        expect_fail("payment gateway: no answer");
        fake_rds_answer("fail", reply_array(2, reply_text("delayed"), reply_int(1)));
    }
    assert_int_equal(w->n_unsure, 0); /* the job is known, its charge is not */
}

static void answers_that_do_not_fit_the_question(void **state)
{
    static const struct {
        const char *word, *reason;
    } CASES[] = {
        {"late", "this worker was taken for dead before it could charge"},
        {"frobnicated", "payment gateway: malformed answer"},
        {"refunded", "the payment gateway answered another question"},
        {"nothing", "the payment gateway answered another question"},
    };
    struct worker *w = *state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        charge(w);
        fake_rds_answer("gateway_charge", reply_words(CASES[i].word));
        expect_fail(CASES[i].reason);
        fake_rds_answer("fail", reply_array(2, reply_text("delayed"), reply_int(1)));
    }
}

static void the_answer_to_an_earlier_ownership_is_not_heard(void **state)
{
    struct worker *w = *state;
    charge(w);
    runner_claimed(w, ID);
    fake_rds_answer("gateway_charge", ledger_says("captured"));
    expect_only("begin_jobs");
}

/* ---- fault injection ------------------------------------------------------------------------- */

/* Never before the call has returned, also without a wait. */
static void an_injected_error_moves_no_money(void **state)
{
    struct worker *w = *state;
    conf.payment_error_pct = 100;
    make_gateway(w);
    struct job *job = charge(w);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    assert_int_equal(job->state, JOB_CALLING);
    fake_clock_advance(w->loop, 1);
    expect_fail("the payment gateway answered with an error");
}

static void an_injected_timeout_never_reaches_the_ledger(void **state)
{
    struct worker *w = *state;
    conf.payment_timeout_pct = 100;
    conf.payment_ms = 2000;
    make_gateway(w);
    charge(w);
    fake_clock_advance(w->loop, 2000);
    fake_clock_advance(w->loop, 2000 + PATIENCE_MS - 1);
    assert_int_equal(fake_rds_waiting(NULL), 0);
    fake_clock_advance(w->loop, 1);
    expect_fail("the payment gateway did not answer");
}

static void a_lost_reply_is_a_charge_that_was_made(void **state)
{
    struct worker *w = *state;
    conf.payment_lost_reply_pct = 100;
    make_gateway(w);
    charge(w);
    assert_string_equal(fake_rds_arg("gateway_charge", 2), "captured");
    fake_rds_answer("gateway_charge", ledger_says("captured"));
    assert_int_equal(fake_rds_waiting(NULL), 0);
    fake_clock_advance(w->loop, PATIENCE_MS);
    expect_fail("the payment gateway did not answer");
}

/* ---- the refund ------------------------------------------------------------------------------ */

static void a_refund_gives_back_what_the_key_captured(void **state)
{
    struct worker *w = *state;
    conf.payment_error_pct = 100; /* of charges alone */
    make_gateway(w);
    refund(w);
    expect_only("gateway_refund");
    assert_non_null(strstr(fake_rds_key("gateway_refund", 0), "pay_durable"));
    fake_rds_answer("gateway_refund", ledger_says("refunded"));
    expect_step("refund", "ok");
}

static void nothing_to_refund_is_a_dead_letter_at_once(void **state)
{
    refund(*state);
    fake_rds_answer("gateway_refund", reply_words("nothing"));
    expect_only("fail");
    assert_string_equal(fake_rds_arg("fail", 3), "1");
}

static void a_refund_without_a_good_answer_is_made_again(void **state)
{
    struct worker *w = *state;
    refund(w);
    fake_rds_fail("gateway_refund", RDS_TIMEOUT, "no answer");
    expect_fail("payment gateway: no answer");
    fake_rds_answer("fail", reply_array(2, reply_text("delayed"), reply_int(1)));
    refund(w);
    fake_rds_answer("gateway_refund", ledger_says("captured"));
    expect_fail("the payment gateway answered another question");
}

static void a_refund_without_a_key_fails(void **state)
{
    runner_claimed(*state, ID);
    fixture_answer_job("begin_jobs", fixture_begun("refund", 0, "cancelled", ""));
    expect_fail("a refund without a payment key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        TEST(the_key_is_durable_before_the_charge),
        TEST(the_charge_is_made_under_the_key_that_begin_tells),
        TEST(every_try_proposes_the_same_key),
        TEST(a_charge_carries_the_lease_of_the_moment_it_is_sent),
        TEST(what_was_cancelled_before_it_had_a_key_is_not_charged),
        TEST(what_was_cancelled_after_it_had_a_key_is_asked_for),
        TEST(without_a_durable_key_nothing_is_charged),
        TEST(a_captured_charge_ends_the_step),
        TEST(a_declined_charge_is_a_result_too),
        TEST(a_charge_without_an_answer_is_made_again),
        TEST(answers_that_do_not_fit_the_question),
        TEST(the_answer_to_an_earlier_ownership_is_not_heard),
        TEST(an_injected_error_moves_no_money),
        TEST(an_injected_timeout_never_reaches_the_ledger),
        TEST(a_lost_reply_is_a_charge_that_was_made),
        TEST(a_refund_gives_back_what_the_key_captured),
        TEST(nothing_to_refund_is_a_dead_letter_at_once),
        TEST(a_refund_without_a_good_answer_is_made_again),
        TEST(a_refund_without_a_key_fails),
    };
    return cmocka_run_group_tests_name("worker/payment", tests, NULL, NULL);
}
