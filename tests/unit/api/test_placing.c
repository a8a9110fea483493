/* Writing new work: what is sent to Redis, how often, and what the client may be told after each
 * kind of answer, or none. Through POST /order. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "api/dispatch.h"
#include "api/memory.h"
#include "base/conf.h"
#include "base/metrics.h"
#include "order/order.h"
#include "tests/unit/support/api_fixture.h"

#define ORDER \
    "{\"restaurant_id\":\"resto_123\",\"item\":\"Curry\",\"quantity\":2,\"user_id\":\"123\"}"
#define KEY "key-0123456789abcdef"
#define REPEAT_MS 20 /* as in placing.c */
#define UNKNOWN "it is unknown whether this was stored"
#define DEADLINE_MS (FIXTURE_REDIS_MS + FIXTURE_TIMEOUT_MS)

/* Arguments of the function place_orders, the first order (order/commands_order.c). */
enum {
    ARG_AGE_LIMIT,
    ARG_ID,
    ARG_RESTAURANT,
    ARG_ITEM,
    ARG_QUANTITY,
    ARG_USER,
    ARG_FINGERPRINT,
    ARG_DEADLINE
};

static struct conn *order(void)
{
    return fixture_post("/order", ORDER);
}

static struct conn *order_with_key(const char *key)
{
    struct conn *c = fake_fastcgi_request("POST", "/order", "");
    fake_fastcgi_set_body(c, "application/json", ORDER);
    fake_fastcgi_add_param(c, "HTTP_IDEMPOTENCY_KEY", key);
    dispatch(c);
    fixture_pass(0);
    return c;
}

/* The answer about the one order that is under way. */
static void answer(redis_reply *about_order)
{
    fake_rds_answer("place_orders", reply_array(1, about_order));
}

/* The id that the place under way would store. */
static const char *sent_id(void)
{
    static char id[ORDER_ID_SIZE];
    snprintf(id, sizeof id, "%s", fake_rds_arg("place_orders", ARG_ID));
    return id;
}

static void expect_no_answer(const struct conn *c)
{
    assert_int_equal(fake_fastcgi_status(c), 0);
}

static void expect_waiting(size_t n)
{
    assert_int_equal(fake_rds_waiting(NULL), n);
    assert_int_equal(fake_rds_waiting("place_orders"), n);
}

/* The reply of the place under way is lost; it is sent again, the same to the letter. */
static void lose_one(struct conn *c)
{
    char id[ORDER_ID_SIZE];
    snprintf(id, sizeof id, "%s", sent_id());
    int64_t deadline_ms = fake_rds_arg_int("place_orders", ARG_DEADLINE);
    fake_rds_fail("place_orders", RDS_LOST, "the connection broke");
    expect_no_answer(c);
    expect_waiting(0);
    fixture_pass(REPEAT_MS);
    expect_waiting(1);
    assert_string_equal(sent_id(), id);
    assert_int_equal(fake_rds_arg_int("place_orders", ARG_DEADLINE), deadline_ms);
}

/* ---- stored ---------------------------------------------------------------------------------- */

static void a_stored_order_is_201(void **state)
{
    char location[64];
    (void)state;
    struct conn *c = order();
    expect_waiting(1);
    const char *id = sent_id();
    assert_true(order_id_is_valid(id));
    assert_string_equal(fake_rds_arg("place_orders", ARG_RESTAURANT), "resto_123");
    assert_string_equal(fake_rds_arg("place_orders", ARG_ITEM), "Curry");
    assert_string_equal(fake_rds_arg("place_orders", ARG_QUANTITY), "2");
    assert_string_equal(fake_rds_arg("place_orders", ARG_USER), "123");
    assert_string_equal(fake_rds_arg("place_orders", ARG_FINGERPRINT), "");
    expect_no_answer(c);
    answer(reply_words("placed", id));
    fixture_expect(c, 201, id);
    snprintf(location, sizeof location, "/order/%s", id);
    assert_string_equal(fake_fastcgi_header(c, "Location"), location);
    assert_string_equal(fake_fastcgi_header(c, "Idempotency-Replayed"), "");
    expect_waiting(0);
}

/* It is the request's, told by Redis' clock: a call that comes to run later stores nothing. */
static void the_deadline_is_by_redis_clock(void **state)
{
    (void)state;
    struct conn *c = order();
    assert_int_equal(fake_rds_arg_int("place_orders", ARG_DEADLINE), DEADLINE_MS);
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");

    fake_rds_set_up(api.rds, 0);
    c = order();
    fixture_pass(500);
    fake_rds_set_up(api.rds, 1);
    fake_rds_set_now(api.rds, FIXTURE_REDIS_MS + 70000);
    fixture_pass(REPEAT_MS);
    int64_t left_ms = FIXTURE_TIMEOUT_MS - 500 - REPEAT_MS;
    assert_int_equal(fake_rds_arg_int("place_orders", ARG_DEADLINE),
                     FIXTURE_REDIS_MS + 70000 + left_ms);
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");
}

static void what_redis_refuses_is_told(void **state)
{
    static const struct {
        const char *word;
        int status;
        const char *error;
    } TABLE[] = {
        {"no_restaurant", 404, "Restaurant not found"},
        {"no_item", 422, "That item is not on the menu"},
        {"no_user", 422, "Unknown user_id"},
        {"busy", 503, "Too many orders are waiting"},
        {"mismatch", 422, "This Idempotency-Key was used for another request"},
        {"full", 500, "Internal error"}, /* only updates can be */
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        struct conn *c = order();
        answer(reply_words(TABLE[i].word));
        fixture_expect(c, TABLE[i].status, TABLE[i].error);
        fixture_pass(FIXTURE_TIMEOUT_MS);
        expect_waiting(0);
    }
}

static void an_answer_that_is_none_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    struct conn *c = order();
    answer(reply_words("frobnicated"));
    fixture_expect(c, 500, UNKNOWN);
    c = order();
    answer(reply_words("placed")); /* under which id? */
    fixture_expect(c, 500, UNKNOWN);
}

/* ---- Idempotency-Key ------------------------------------------------------------------------- */

static void a_key_that_was_used_leads_to_the_first_order(void **state)
{
    (void)state;
    struct conn *c = order_with_key(KEY);
    assert_non_null(strstr(fake_rds_key("place_orders", 8), KEY));
    assert_int_equal(strlen(fake_rds_arg("place_orders", ARG_FINGERPRINT)), 32);
    answer(reply_words("replay", FIXTURE_ID));
    fixture_expect(c, 201, FIXTURE_ID);
    assert_string_equal(fake_fastcgi_header(c, "Location"), "/order/" FIXTURE_ID);
    assert_string_equal(fake_fastcgi_header(c, "Idempotency-Replayed"), "true");
    assert_int_equal(metric_values[M_REPLAYS], 1);
}

static void a_quoted_key_is_the_bare_one(void **state)
{
    (void)state;
    struct conn *c = order_with_key("\"" KEY "\"");
    const char *key = fake_rds_key("place_orders", 8);
    assert_string_equal(key + strlen(key) - strlen(KEY), KEY);
    assert_null(strchr(key, '"'));
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");
}

static void keys_of_another_form_are_422(void **state)
{
    char longest[131];
    (void)state;
    memset(longest, 'k', 129);
    longest[129] = '\0';
    const char *const keys[] = {"",       "\"\"", "too-short", "key with blanks 12345",
                                "\"" KEY, longest};
    for (size_t i = 0; i < LENGTH(keys); i++)
        fixture_expect(order_with_key(keys[i]), 422, "It is empty or has another form.");
    expect_waiting(0);
}

static void a_key_that_came_twice_is_422(void **state)
{
    (void)state;
    struct conn *c = fake_fastcgi_request("POST", "/order", "");
    fake_fastcgi_set_body(c, "application/json", ORDER);
    fake_fastcgi_add_param(c, "HTTP_IDEMPOTENCY_KEY", KEY);
    fake_fastcgi_add_param(c, "HTTP_IDEMPOTENCY_KEY", KEY);
    dispatch(c);
    fixture_expect(c, 422, "It was sent more than once");
    expect_waiting(0);
}

/* ---- lost replies ---------------------------------------------------------------------------- */

static void a_lost_reply_is_asked_for_again(void **state)
{
    (void)state;
    struct conn *c = order();
    for (int i = 0; i < 3; i++)
        lose_one(c);
    const char *id = sent_id();
    answer(reply_words("placed", id));
    fixture_expect(c, 201, id);
}

/* The lost call has stored it, so this is no replay of another request. */
static void a_replay_of_our_own_lost_call_is_not_called_one(void **state)
{
    (void)state;
    struct conn *c = order_with_key(KEY);
    lose_one(c);
    const char *id = sent_id();
    answer(reply_words("replay", id));
    fixture_expect(c, 201, id);
    assert_string_equal(fake_fastcgi_header(c, "Idempotency-Replayed"), "");
    assert_int_equal(metric_values[M_REPLAYS], 0);
}

/* It was true when this call looked; the lost one may have stored before, or come since. */
static void after_a_lost_reply_a_refusal_is_not_certain(void **state)
{
    static const char *const WORDS[] = {"no_restaurant", "no_item", "no_user", "busy"};
    (void)state;
    for (size_t i = 0; i < LENGTH(WORDS); i++) {
        struct conn *c = order();
        lose_one(c);
        answer(reply_words(WORDS[i]));
        fixture_expect(c, 503, UNKNOWN);
    }
}

static void after_a_lost_reply_a_mismatch_is_certain(void **state)
{
    (void)state;
    struct conn *c = order_with_key(KEY);
    lose_one(c);
    answer(reply_words("mismatch"));
    fixture_expect(c, 422, "This Idempotency-Key was used for another request");
}

static void after_a_lost_reply_a_redis_without_memory_is_asked_again(void **state)
{
    (void)state;
    struct conn *c = order();
    lose_one(c);
    fake_rds_fail("place_orders", RDS_ERROR, "OOM command not allowed");
    expect_no_answer(c);
    fixture_pass(REPEAT_MS);
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");
}

static void after_a_lost_reply_an_error_leaves_it_unknown(void **state)
{
    (void)state;
    struct conn *c = order();
    lose_one(c);
    fake_rds_fail("place_orders", RDS_ERROR, "ERR of another kind");
    fixture_expect(c, 500, UNKNOWN);
}

static void a_time_out_is_a_lost_reply(void **state)
{
    (void)state;
    struct conn *c = order();
    fake_rds_fail("place_orders", RDS_TIMEOUT, "no answer in time");
    fixture_pass(REPEAT_MS);
    answer(reply_words("no_item"));
    fixture_expect(c, 503, UNKNOWN);
}

/* ---- nothing lost ---------------------------------------------------------------------------- */

static void an_error_without_a_lost_reply_says_that_nothing_was_stored(void **state)
{
    (void)state;
    struct conn *c = order();
    fake_rds_fail("place_orders", RDS_ERROR, "OOM command not allowed");
    fixture_expect(c, 503, "Nothing was stored.");
    assert_string_equal(fake_fastcgi_header(c, "Retry-After"), "1");
    c = order();
    fake_rds_fail("place_orders", RDS_ERROR, "ERR of another kind");
    fixture_expect(c, 500, "Nothing was stored.");
}

static void what_was_not_sent_is_sent_again_and_not_unknown(void **state)
{
    (void)state;
    struct conn *c = order();
    fake_rds_fail("place_orders", RDS_UNSENT, "there is no connection");
    expect_no_answer(c);
    fixture_pass(REPEAT_MS);
    expect_waiting(1);
    answer(reply_words("no_item"));
    fixture_expect(c, 422, "That item is not on the menu");
}

static void while_redis_is_away_nothing_is_sent(void **state)
{
    (void)state;
    fake_rds_set_up(api.rds, 0);
    struct conn *c = order();
    for (int i = 0; i < 5; i++)
        fixture_pass(REPEAT_MS);
    expect_waiting(0);
    fake_rds_set_up(api.rds, 1);
    fixture_pass(REPEAT_MS);
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");
}

/* ---- late by Redis' clock -------------------------------------------------------------------- */

static void a_call_that_was_late_is_sent_with_a_deadline_by_the_new_clock(void **state)
{
    (void)state;
    struct conn *c = order();
    char id[ORDER_ID_SIZE];
    snprintf(id, sizeof id, "%s", sent_id());
    answer(reply_words("late"));
    assert_int_equal(fake_rds_asked_time(api.rds), 1);
    expect_no_answer(c);
    fake_rds_set_now(api.rds, FIXTURE_REDIS_MS + 3600000);
    fixture_pass(REPEAT_MS);
    assert_string_equal(sent_id(), id);
    assert_int_equal(fake_rds_arg_int("place_orders", ARG_DEADLINE),
                     DEADLINE_MS + 3600000 - REPEAT_MS);
    answer(reply_words("placed", id));
    fixture_expect(c, 201, id);
}

static void one_that_stays_late_has_stored_nothing(void **state)
{
    (void)state;
    struct conn *c = order();
    for (int ms = 0; ms < FIXTURE_TIMEOUT_MS - REPEAT_MS; ms += REPEAT_MS) {
        answer(reply_words("late"));
        fixture_pass(REPEAT_MS);
    }
    answer(reply_words("late"));
    expect_no_answer(c);
    fixture_pass(REPEAT_MS);
    fixture_expect(c, 503, "Nothing was stored.");
}

/* ---- the request's deadline ------------------------------------------------------------------ */

static void at_the_deadline_a_call_under_way_is_unknown(void **state)
{
    (void)state;
    struct conn *c = order();
    fixture_pass(FIXTURE_TIMEOUT_MS);
    fixture_expect(c, 503, UNKNOWN);
    assert_string_equal(fake_fastcgi_header(c, "Retry-After"), "1");
    answer(reply_words("placed", sent_id())); /* must not be answered again */
    assert_int_equal(metric_values[M_REQUESTS], 1);
}

static void at_the_deadline_a_lost_call_is_unknown(void **state)
{
    (void)state;
    struct conn *c = order();
    fake_rds_fail("place_orders", RDS_LOST, "the connection broke");
    fake_rds_set_up(api.rds, 0);
    fixture_pass(FIXTURE_TIMEOUT_MS);
    fixture_expect(c, 503, UNKNOWN);
}

static void at_the_deadline_what_was_never_sent_is_not_stored(void **state)
{
    (void)state;
    fake_rds_set_up(api.rds, 0);
    struct conn *c = order();
    fixture_pass(FIXTURE_TIMEOUT_MS);
    fixture_expect(c, 503, "Nothing was stored.");
    fake_rds_set_up(api.rds, 1);
    fixture_pass(REPEAT_MS);
    expect_waiting(0);
}

static void a_client_who_left_is_not_written_for_again(void **state)
{
    (void)state;
    struct conn *c = order();
    fake_rds_fail("place_orders", RDS_UNSENT, "there is no connection");
    fake_fastcgi_hang_up(c);
    fixture_pass(REPEAT_MS);
    expect_waiting(0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void tell_memory(const char *info)
{
    memory_watch_start(api.loop);
    fixture_pass(0);
    fake_rds_answer("INFO", reply_text(info));
    memory_watch_stop(api.loop);
}

static void while_redis_is_full_nothing_is_sent(void **state)
{
    (void)state;
    tell_memory("# Memory\r\nused_memory:81\r\nmaxmemory:100\r\n");
    struct conn *c = order();
    fixture_expect(c, 503, "nearly full. Nothing was stored.");
    expect_waiting(0);
    tell_memory("# Memory\r\nused_memory:80\r\nmaxmemory:100\r\n");
    c = order();
    answer(reply_words("placed", sent_id()));
    fixture_expect(c, 201, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_stored_order_is_201),
        WITH_API(the_deadline_is_by_redis_clock),
        WITH_API(what_redis_refuses_is_told),
        WITH_API(an_answer_that_is_none_leaves_the_outcome_unknown),
        WITH_API(a_key_that_was_used_leads_to_the_first_order),
        WITH_API(a_quoted_key_is_the_bare_one),
        WITH_API(keys_of_another_form_are_422),
        WITH_API(a_key_that_came_twice_is_422),
        WITH_API(a_lost_reply_is_asked_for_again),
        WITH_API(a_replay_of_our_own_lost_call_is_not_called_one),
        WITH_API(after_a_lost_reply_a_refusal_is_not_certain),
        WITH_API(after_a_lost_reply_a_mismatch_is_certain),
        WITH_API(after_a_lost_reply_a_redis_without_memory_is_asked_again),
        WITH_API(after_a_lost_reply_an_error_leaves_it_unknown),
        WITH_API(a_time_out_is_a_lost_reply),
        WITH_API(an_error_without_a_lost_reply_says_that_nothing_was_stored),
        WITH_API(what_was_not_sent_is_sent_again_and_not_unknown),
        WITH_API(while_redis_is_away_nothing_is_sent),
        WITH_API(a_call_that_was_late_is_sent_with_a_deadline_by_the_new_clock),
        WITH_API(one_that_stays_late_has_stored_nothing),
        WITH_API(at_the_deadline_a_call_under_way_is_unknown),
        WITH_API(at_the_deadline_a_lost_call_is_unknown),
        WITH_API(at_the_deadline_what_was_never_sent_is_not_stored),
        WITH_API(a_client_who_left_is_not_written_for_again),
        WITH_API(while_redis_is_full_nothing_is_sent),
    };
    return cmocka_run_group_tests_name("api/placing", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
