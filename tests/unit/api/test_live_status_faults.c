/* GET /order/{id}/live-status while something fails: Redis is away, or the reader is slow. */
#include "tests/unit/support/test.h"

#include "api/live_status.h"
#include "base/metrics.h"
#include "tests/unit/support/live_fixture.h"

/* ---- Redis away ------------------------------------------------------------------------------ */

static void without_redis_the_stream_is_opened_and_held(void **state)
{
    static const enum rds_outcome OUTCOMES[] = {RDS_LOST, RDS_TIMEOUT, RDS_UNSENT, RDS_ERROR};
    (void)state;
    for (size_t i = 0; i < LENGTH(OUTCOMES); i++) {
        struct conn *c = live_open_after("2");
        fake_rds_fail("HGETALL", OUTCOMES[i], "ERR of any kind");
        assert_int_equal(fake_fastcgi_status(c), 200);
        live_expect_events(c, "retry");
        fixture_pass(LIVE_RETRY_MS);
        live_expect_reading(1);
        live_answer_read(3);
        live_expect_events(c, "3");
        fake_fastcgi_hang_up(c);
    }
}

static void while_redis_is_away_nothing_is_asked(void **state)
{
    (void)state;
    struct conn *c = live_open_after("2");
    fake_rds_fail("HGETALL", RDS_UNSENT, "there is no connection");
    fake_rds_set_up(api.rds, 0);
    fixture_pass(LIVE_RETRY_MS);
    fixture_pass(LIVE_RETRY_MS);
    live_tell(3); /* the tail is back before the other connection */
    live_expect_reading(0);
    fake_rds_set_up(api.rds, 1);
    live_status_resync();
    live_expect_reading(1);
    live_answer_read(3);
    live_expect_events(c, "retry 3");
    fake_fastcgi_hang_up(c);
}

static void an_order_that_is_unknown_after_all_is_an_error_in_the_stream(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    fake_rds_fail("HGETALL", RDS_LOST, "the connection broke");
    fixture_pass(LIVE_RETRY_MS);
    fake_rds_answer("HGETALL", reply_array(0));
    live_expect_events(c, "retry error");
    assert_true(fake_fastcgi_is_ended(c));
}

static void at_the_deadline_the_stream_is_opened_and_still_waits(void **state)
{
    (void)state;
    struct conn *c = live_open_after("2");
    fixture_pass(FIXTURE_TIMEOUT_MS);
    assert_int_equal(fake_fastcgi_status(c), 200);
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "retry 3 4");
    fake_fastcgi_hang_up(c);
}

/* ---- slow readers ---------------------------------------------------------------------------- */

static void a_slow_reader_gets_only_the_newest_when_he_takes_more(void **state)
{
    (void)state;
    struct conn *c = live_follower(1);
    fake_fastcgi_stall(c);
    live_tell(2);
    live_tell(3);
    live_tell(4);
    live_expect_events(c, "2"); /* queued; the rest was refused */
    live_expect_reading(0);
    fake_fastcgi_drain(c);
    live_expect_reading(1);
    live_tell(5);
    live_answer_read(5);
    live_expect_events(c, "5");
    assert_int_equal(metric_values[M_SSE_COALESCED], 1);
    live_tell(LIVE_LAST);
    live_expect_events(c, "6 end");
}

static void one_who_was_slow_misses_nothing_more(void **state)
{
    (void)state;
    struct conn *c = live_follower(1);
    fake_fastcgi_stall(c);
    live_tell(2);
    live_tell(3);
    fake_fastcgi_drain(c);
    live_answer_read(3);
    live_expect_events(c, "2 3");
    live_tell(5);
    live_answer_read(5);
    live_expect_events(c, "4 5");
    fake_fastcgi_hang_up(c);
}

static void a_slow_reader_gets_the_end_when_he_takes_it(void **state)
{
    (void)state;
    struct conn *c = live_follower(5);
    fake_fastcgi_stall(c);
    live_tell(LIVE_LAST);
    live_expect_events(c, "6");
    assert_false(fake_fastcgi_is_ended(c));
    fake_fastcgi_drain(c);
    live_answer_read(LIVE_LAST);
    live_expect_events(c, "end");
    assert_true(fake_fastcgi_is_ended(c));
}

static void a_reader_who_is_slow_again_is_brought_up_to_date_again(void **state)
{
    (void)state;
    struct conn *c = live_open_after("1");
    fixture_pass(FIXTURE_TIMEOUT_MS); /* opens it */
    fake_fastcgi_stall(c);
    live_answer_read(4);
    live_expect_events(c, "retry 2");
    fake_fastcgi_drain(c);
    fake_fastcgi_stall(c);
    live_answer_read(4);
    live_expect_events(c, "4");
    live_tell(5);
    live_expect_events(c, "");
    fake_fastcgi_drain(c);
    live_answer_read(5);
    live_expect_events(c, "5");
    assert_int_equal(metric_values[M_SSE_COALESCED], 2);
    fake_fastcgi_hang_up(c);
}

static void a_pause_in_which_nothing_came_costs_nothing(void **state)
{
    (void)state;
    struct conn *c = live_follower(1);
    fake_fastcgi_stall(c);
    live_tell(2);
    fake_fastcgi_drain(c);
    live_expect_reading(0);
    live_tell(3);
    live_expect_events(c, "2 3");
    fake_fastcgi_hang_up(c);
}

/* Sending fails before the hang-up is seen. */
static void a_broken_connection_takes_everything(void **state)
{
    (void)state;
    struct conn *c = live_follower(2);
    fake_fastcgi_break(c);
    live_tell(3);
    live_tell(4);
    live_expect_reading(0);
    fake_fastcgi_hang_up(c);
    live_tell(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(without_redis_the_stream_is_opened_and_held),
        WITH_API(while_redis_is_away_nothing_is_asked),
        WITH_API(an_order_that_is_unknown_after_all_is_an_error_in_the_stream),
        WITH_API(at_the_deadline_the_stream_is_opened_and_still_waits),
        WITH_API(a_slow_reader_gets_only_the_newest_when_he_takes_more),
        WITH_API(one_who_was_slow_misses_nothing_more),
        WITH_API(a_slow_reader_gets_the_end_when_he_takes_it),
        WITH_API(a_reader_who_is_slow_again_is_brought_up_to_date_again),
        WITH_API(a_pause_in_which_nothing_came_costs_nothing),
        WITH_API(a_broken_connection_takes_everything),
    };
    return cmocka_run_group_tests_name("api/live_status_faults", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
