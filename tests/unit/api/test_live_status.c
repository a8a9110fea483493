/* GET /order/{id}/live-status: a reader gets every version after the one he has exactly once, and
 * the end, however reading the order and its events interleave. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "api/dispatch.h"
#include "api/live_status.h"
#include "api/sse.h"
#include "base/text.h"
#include "tests/unit/support/live_fixture.h"

#define BUCKETS 16384 /* as in live_status.c */

/* ---- opening --------------------------------------------------------------------------------- */

static void an_id_that_no_order_can_have_is_404(void **state)
{
    (void)state;
    fixture_expect(fixture_get("/order/order_00short/live-status"), 404, "Order not found");
    live_expect_reading(0);
}

static void an_unknown_order_is_404(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    assert_int_equal(fake_fastcgi_status(c), 0);
    fake_rds_answer("HGETALL", reply_array(0));
    fixture_expect(c, 404, "Order not found");
    live_tell(1); /* is watched no more */
}

static void a_new_reader_gets_how_it_is_now(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    live_answer_read(3);
    assert_int_equal(fake_fastcgi_status(c), 200);
    assert_string_equal(fake_fastcgi_header(c, "Content-Type"), "text/event-stream");
    const char *text = strstr(fake_fastcgi_sent(c), "\n\n");
    assert_non_null(text);
    assert_string_equal(text + 2, "id: 3\n"
                                  "data: {\"order_id\":\"" FIXTURE_ID "\","
                                  "\"status\":\"preparing_food\",\"payment_status\":\"paid\","
                                  "\"kitchen_status\":\"acknowledged\","
                                  "\"timestamp\":\"2026-11-22T11:00:03.000Z\",\"version\":3}\n\n");
    fake_fastcgi_hang_up(c);
}

static void one_who_comes_back_gets_what_he_missed(void **state)
{
    (void)state;
    struct conn *c = live_open_after("2");
    live_answer_read(5);
    live_expect_events(c, "retry 3 4 5");
    fake_fastcgi_hang_up(c);
    c = live_open_after("0");
    live_answer_read(3);
    live_expect_events(c, "retry 1 2 3");
    fake_fastcgi_hang_up(c);
}

static void polyfills_say_it_in_the_query(void **state)
{
    static const char *const QUERIES[] = {"last_event_id=3", "lastEventId=3"};
    (void)state;
    for (size_t i = 0; i < LENGTH(QUERIES); i++) {
        struct conn *c = fake_fastcgi_request("GET", LIVE_PATH, QUERIES[i]);
        dispatch(c);
        live_answer_read(4);
        live_expect_events(c, "retry 4");
        fake_fastcgi_hang_up(c);
    }
}

/* EventSource sends what it was given, which may have come from anywhere. */
static void a_last_event_id_that_is_no_version_of_it_is_as_none(void **state)
{
    static const char *const IDS[] = {"-1", "02", "x", "1234567890", "7", ""};
    (void)state;
    for (size_t i = 0; i < LENGTH(IDS); i++) {
        struct conn *c = live_open_after(IDS[i]);
        live_answer_read(4);
        live_expect_events(c, "retry 4");
        fake_fastcgi_hang_up(c);
    }
}

static void an_order_that_cannot_be_read_is_404(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    fake_rds_answer("HGETALL", reply_words("id", FIXTURE_ID));
    fixture_expect(c, 404, "Order not found");
}

/* ---- following ------------------------------------------------------------------------------- */

static void events_are_handed_on_in_their_order(void **state)
{
    (void)state;
    struct conn *c = live_follower(2);
    live_tell(3);
    live_expect_events(c, "3");
    live_tell(4);
    live_tell(5);
    live_expect_events(c, "4 5");
    live_expect_reading(0);
    fake_fastcgi_hang_up(c);
}

static void an_event_that_the_reader_has_is_not_repeated(void **state)
{
    (void)state;
    struct conn *c = live_follower(3);
    live_tell(2);
    live_tell(3);
    live_tell(4);
    live_tell(4);
    live_expect_events(c, "4");
    fake_fastcgi_hang_up(c);
}

static void an_event_that_skips_a_version_has_the_order_read(void **state)
{
    (void)state;
    struct conn *c = live_follower(2);
    live_tell(4);
    live_expect_events(c, "");
    live_expect_reading(1);
    live_tell(5); /* while it is read; the hash is as new */
    live_answer_read(5);
    live_expect_events(c, "3 4 5");
    live_expect_reading(0);
    fake_fastcgi_hang_up(c);
}

static void an_event_newer_than_the_hash_has_it_read_again(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    live_tell(3);
    live_tell(4);
    live_answer_read(3);
    live_expect_events(c, "retry 3");
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "4");
    live_expect_reading(0);
    fake_fastcgi_hang_up(c);
}

static void every_reader_of_the_order_gets_it_and_no_other(void **state)
{
    (void)state;
    struct conn *a = live_follower(2), *b = live_follower(3);
    live_tell_of("order_00zzzzzzzzzzzzzzzzzzzz", 4);
    live_expect_events(a, "");
    live_tell(4);
    live_expect_reading(1); /* a's: he lacks 3 */
    live_expect_events(b, "4");
    live_answer_read(4);
    live_expect_events(a, "3 4");
    fake_fastcgi_hang_up(a);
    live_tell(5);
    live_expect_events(b, "5");
    fake_fastcgi_hang_up(b);
}

static void after_missed_events_the_order_is_read(void **state)
{
    (void)state;
    struct conn *c = live_follower(2);
    live_status_resync();
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "3 4");
    live_status_resync();
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "");
    fake_fastcgi_hang_up(c);
}

/* A Redis that came back with less than it had told of: to read it for ever would not help. */
static void a_hash_that_stays_older_is_not_read_in_a_circle(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    live_tell(4);
    live_answer_read(3);
    live_answer_read(3);
    live_expect_reading(0);
    live_expect_events(c, "retry 3");
    fake_fastcgi_hang_up(c);
}

/* The tail tells events again when it has missed some. */
static void the_newest_event_counts_while_the_order_is_read(void **state)
{
    (void)state;
    struct conn *c = live_open_after("2");
    live_tell(4);
    live_tell(3);
    live_answer_read(3);
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "retry 3 4");
    fake_fastcgi_hang_up(c);
}

/* In the table of readers. */
static void an_order_that_shares_a_bucket_is_another(void **state)
{
    char other[] = "order_00aaaaaaaaaaaaaaaaaaaa";
    const uint32_t bucket = text_hash(FIXTURE_ID) % BUCKETS;
    (void)state;
    for (unsigned n = 1; text_hash(other) % BUCKETS != bucket; n++)
        for (unsigned i = 0; i < 5; i++)
            other[8 + i] = (char)('a' + (n >> (4 * i)) % 16);
    struct conn *c = live_follower(2);
    live_tell_of(other, 3);
    live_expect_events(c, "");
    live_tell(3);
    live_expect_events(c, "3");
    fake_fastcgi_hang_up(c);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_settled_order_ends_the_stream(void **state)
{
    (void)state;
    struct conn *c = live_follower(5);
    live_tell(LIVE_LAST);
    assert_true(fake_fastcgi_is_ended(c));
    const char *text = fake_fastcgi_sent(c);
    assert_non_null(strstr(text, "id: 6\n"));
    assert_non_null(strstr(text, "}\n\nevent: end\ndata: {\"status\":\"delivered\"}\n\n"));
}

static void one_who_comes_after_the_end_gets_it_at_once(void **state)
{
    (void)state;
    struct conn *c = live_open_after("4");
    live_answer_read(LIVE_LAST);
    live_expect_events(c, "retry 5 6 end");
    assert_true(fake_fastcgi_is_ended(c));
}

/* It makes EventSource stop. */
static void one_who_has_the_settled_version_gets_204(void **state)
{
    (void)state;
    struct conn *c = live_open_after("6");
    live_answer_read(LIVE_LAST);
    fixture_expect(c, 204, "");
    assert_string_equal(fake_fastcgi_header(c, "Content-Type"), "");
}

static void a_stop_of_the_process_ends_the_streams(void **state)
{
    (void)state;
    struct conn *a = live_follower(2), *b = live_open_after(NULL);
    sse_shutdown(0);
    fixture_pass(0);
    assert_true(fake_fastcgi_is_ended(a));
    live_expect_events(a, ""); /* no end of the order */
    fake_fastcgi_hang_up(b);
}

/* What is being read may be older than the events that were missed. */
static void events_missed_while_reading_are_read_afterwards(void **state)
{
    (void)state;
    struct conn *c = live_open_after("2");
    live_status_resync();
    live_status_resync();
    live_expect_reading(1);
    live_answer_read(3);
    live_expect_events(c, "retry 3");
    live_expect_reading(1);
    live_answer_read(4);
    live_expect_events(c, "4");
    live_expect_reading(0);
    live_tell(5);
    live_expect_events(c, "5");
    fake_fastcgi_hang_up(c);
}

static void is_watched_while_there_is_a_stream(void **state)
{
    (void)state;
    assert_int_equal(live_status_is_watched(), 0);
    struct conn *c = live_open_after(NULL);
    assert_int_equal(live_status_is_watched(), 1);
    live_answer_read(2);
    assert_int_equal(live_status_is_watched(), 1);
    fake_fastcgi_hang_up(c);
    assert_int_equal(live_status_is_watched(), 0);
}

/* ---- readers who leave ----------------------------------------------------------------------- */

static void one_who_leaves_before_the_stream_is_forgotten(void **state)
{
    (void)state;
    struct conn *c = live_open_after(NULL);
    fake_fastcgi_hang_up(c);
    live_answer_read(3);
    live_tell(4);
    live_status_resync();
    fixture_pass(FIXTURE_TIMEOUT_MS);
    live_expect_reading(0);
}

static void one_who_leaves_the_stream_is_forgotten(void **state)
{
    (void)state;
    struct conn *c = live_follower(2);
    live_status_resync();
    fake_fastcgi_hang_up(c);
    live_answer_read(3);
    live_tell(4);
    live_status_resync();
    live_expect_reading(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(an_id_that_no_order_can_have_is_404),
        WITH_API(an_unknown_order_is_404),
        WITH_API(a_new_reader_gets_how_it_is_now),
        WITH_API(one_who_comes_back_gets_what_he_missed),
        WITH_API(polyfills_say_it_in_the_query),
        WITH_API(a_last_event_id_that_is_no_version_of_it_is_as_none),
        WITH_API(an_order_that_cannot_be_read_is_404),
        WITH_API(events_are_handed_on_in_their_order),
        WITH_API(an_event_that_the_reader_has_is_not_repeated),
        WITH_API(an_event_that_skips_a_version_has_the_order_read),
        WITH_API(an_event_newer_than_the_hash_has_it_read_again),
        WITH_API(every_reader_of_the_order_gets_it_and_no_other),
        WITH_API(after_missed_events_the_order_is_read),
        WITH_API(events_missed_while_reading_are_read_afterwards),
        WITH_API(is_watched_while_there_is_a_stream),
        WITH_API(a_hash_that_stays_older_is_not_read_in_a_circle),
        WITH_API(the_newest_event_counts_while_the_order_is_read),
        WITH_API(an_order_that_shares_a_bucket_is_another),
        WITH_API(a_settled_order_ends_the_stream),
        WITH_API(one_who_comes_after_the_end_gets_it_at_once),
        WITH_API(one_who_has_the_settled_version_gets_204),
        WITH_API(a_stop_of_the_process_ends_the_streams),
        WITH_API(one_who_leaves_before_the_stream_is_forgotten),
        WITH_API(one_who_leaves_the_stream_is_forgotten),
    };
    return cmocka_run_group_tests_name("api/live_status", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
