/* What store.c makes of the functions' answers. The functions themselves: tests/functions. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "order/batch.h"
#include "order/store.h"
#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/replies.h"

#define ID "order_00abcdefghijklmnopqrst"

static const char *reason; /* of a begin that buried the job */

static void word_is_the_first_text(void **state)
{
    (void)state;
    assert_string_equal(store_word(reply_words("placed", ID)), "placed");
    assert_string_equal(store_word(reply_words("")), "");
    assert_string_equal(store_word(reply_array(0)), "");
    assert_string_equal(store_word(reply_array(1, reply_int(1))), "");
    assert_string_equal(store_word(reply_text("placed")), "");
    assert_string_equal(store_word(reply_nil()), "");
    assert_string_equal(store_word(NULL), "");
}

/* Answers that no parser may accept. */
static void nonsense_is_refused_by_every_parser(void **state)
{
    (void)state;
    struct redisReply *const NONSENSE[] = {
        NULL,
        reply_nil(),
        reply_int(1),
        reply_text("placed"),
        reply_error("ERR"),
        reply_array(0),
        reply_array(1, reply_nil()),
        reply_array(1, reply_int(1)),
        reply_array(1, reply_array(1, reply_text("placed"))),
        reply_words("", ID),
        reply_words("Placed", ID),
        reply_words("placed ", ID),
        reply_words("frobnicated", "1", "payment", "0", "", "0", "", ""),
    };
    for (size_t i = 0; i < LENGTH(NONSENSE); i++) {
        enum place_outcome place;
        enum cancel_outcome cancel;
        struct job_begun job;
        struct step_next next;
        struct store_stats stats;
        char text[64];
        assert_int_equal(store_place_parse(NONSENSE[i], &place, text), -EPROTO);
        assert_int_equal(store_cancel_parse(NONSENSE[i], &cancel), -EPROTO);
        assert_int_equal(store_begin_parse(NONSENSE[i], &job, &reason), -EPROTO);
        assert_null(store_job_error(NONSENSE[i]));
        assert_int_equal(store_step_parse(NONSENSE[i], &next), -EPROTO);
        assert_int_equal(store_stats_parse(NONSENSE[i], &stats), -EPROTO);
        assert_false(store_library_version_ok(NONSENSE[i]));
    }
}

static void place_words(void **state)
{
    static const struct {
        const char *word;
        enum place_outcome outcome;
        int has_id;
    } TABLE[] = {
        {"placed", PLACE_DONE, 1},     {"accepted", PLACE_DONE, 1},
        {"replay", PLACE_REPLAY, 1},   {"mismatch", PLACE_MISMATCH, 0},
        {"late", PLACE_LATE, 0},       {"no_restaurant", PLACE_NO_RESTAURANT, 0},
        {"no_item", PLACE_NO_ITEM, 0}, {"no_user", PLACE_NO_USER, 0},
        {"full", PLACE_FULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        enum place_outcome outcome;
        char id[ORDER_ID_SIZE] = "untouched";
        assert_int_equal(store_place_parse(reply_words(TABLE[i].word, ID), &outcome, id), 0);
        assert_int_equal(outcome, TABLE[i].outcome);
        assert_string_equal(id, TABLE[i].has_id ? ID : "untouched");
        assert_int_equal(store_place_parse(reply_words(TABLE[i].word), &outcome, id),
                         TABLE[i].has_id ? -EPROTO : 0);
    }
}

static void place_with_an_id_that_does_not_fit(void **state)
{
    (void)state;
    enum place_outcome outcome = PLACE_LATE;
    char id[ORDER_ID_SIZE] = "untouched";
    const char longest[] = "1234567890123456789012345678901";
    assert_int_equal(
        store_place_parse(reply_words("placed", "12345678901234567890123456789012"), &outcome, id),
        -EPROTO);
    assert_int_equal(
        store_place_parse(reply_array(2, reply_text("replay"), reply_int(7)), &outcome, id),
        -EPROTO);
    assert_int_equal(outcome, PLACE_LATE);
    assert_string_equal(id, "untouched");
    assert_int_equal(sizeof longest, ORDER_ID_SIZE);
    assert_int_equal(store_place_parse(reply_words("placed", longest), &outcome, id), 0);
    assert_string_equal(id, longest);
}

static void cancel_words(void **state)
{
    (void)state;
    enum cancel_outcome outcome;
    assert_int_equal(store_cancel_parse(reply_words("cancelled"), &outcome), 0);
    assert_int_equal(outcome, CANCEL_DONE);
    assert_int_equal(store_cancel_parse(reply_words("not_found"), &outcome), 0);
    assert_int_equal(outcome, CANCEL_NOT_FOUND);
    assert_int_equal(store_cancel_parse(reply_words("too_late", "delivered"), &outcome), 0);
    assert_int_equal(outcome, CANCEL_TOO_LATE);
}

static void step_names_make_the_round_trip(void **state)
{
    static const char *const NAMES[] = {"payment",       "kitchen",          "preparing_food",
                                        "quality_check", "out_for_delivery", "delivered",
                                        "refund",        "broadcast"};
    static const char *const OTHERS[] = {NULL, "", "Payment", "settled", "published", "pay"};
    (void)state;
    assert_int_equal(LENGTH(NAMES), STEP_COUNT);
    for (int i = 0; i < STEP_COUNT; i++) {
        assert_string_equal(job_step_name((enum job_step)i), NAMES[i]);
        assert_int_equal(job_step_parse(NAMES[i]), i);
    }
    for (size_t i = 0; i < LENGTH(OTHERS); i++)
        assert_int_equal(job_step_parse(OTHERS[i]), -1);
}

/* ---- begin --------------------------------------------------------------------------------------
 */

static redis_reply *begun(const char *step, const char *status, const char *currency,
                          const char *payment_key)
{
    return reply_array(8, reply_text("begun"), reply_int(7), reply_text(step), reply_int(2),
                       reply_text(status), reply_int(1299), reply_text(currency),
                       reply_text(payment_key));
}

static void begin_of_an_order(void **state)
{
    (void)state;
    struct job_begun job;
    assert_int_equal(
        store_begin_parse(begun("payment", "order_placed", "USD", "pay_abc"), &job, &reason), 0);
    assert_int_equal(job.epoch, 7);
    assert_int_equal(job.step, STEP_PAYMENT);
    assert_int_equal(job.tries, 2);
    assert_int_equal(job.is_cancelled, 0);
    assert_int_equal(job.amount_cents, 1299);
    assert_string_equal(job.currency, "USD");
    assert_string_equal(job.payment_key, "pay_abc");
}

static void begin_of_a_cancelled_order(void **state)
{
    (void)state;
    struct job_begun job;
    assert_int_equal(store_begin_parse(begun("payment", "cancelled", "USD", ""), &job, &reason), 0);
    assert_int_equal(job.is_cancelled, 1);
    assert_string_equal(job.payment_key, "");
}

static void begin_of_an_update(void **state)
{
    (void)state;
    struct job_begun job;
    redis_reply *reply =
        reply_array(8, reply_text("begun"), reply_int(1), reply_text("broadcast"), reply_int(0),
                    reply_text(""), reply_int(0), reply_text(""), reply_text(""));
    assert_int_equal(store_begin_parse(reply, &job, &reason), 0);
    assert_int_equal(job.step, STEP_BROADCAST);
    assert_int_equal(job.is_cancelled, 0);
}

static void begin_of_what_is_gone(void **state)
{
    (void)state;
    struct job_begun job;
    assert_int_equal(store_begin_parse(reply_words("gone"), &job, &reason), -ESTALE);
}

static void begin_of_what_is_too_old_for_the_gateway(void **state)
{
    (void)state;
    struct job_begun job;
    assert_int_equal(store_begin_parse(reply_words("dead", "too old"), &job, &reason), -ETIME);
    assert_string_equal(reason, "too old");
    assert_int_equal(store_begin_parse(reply_words("dead"), &job, &reason), -EPROTO);
}

static void begin_with_an_unknown_step_tells_epoch_and_tries(void **state)
{
    (void)state;
    struct job_begun job = {0};
    assert_int_equal(store_begin_parse(begun("dessert", "order_placed", "USD", ""), &job, &reason),
                     -EPROTO);
    assert_int_equal(job.epoch, 7);
    assert_int_equal(job.tries, 2);
}

static void begin_with_texts_that_do_not_fit(void **state)
{
    (void)state;
    struct job_begun job;
    const char longest[] = "123456789012345678901234567890123456789";
    assert_int_equal(sizeof longest, PAYMENT_KEY_SIZE);
    assert_int_equal(
        store_begin_parse(begun("payment", "order_placed", "DOUBLOON", ""), &job, &reason),
        -EPROTO);
    assert_int_equal(
        store_begin_parse(begun("payment", "order_placed", "USD", longest), &job, &reason), 0);
    assert_string_equal(job.payment_key, longest);
    assert_int_equal(store_begin_parse(begun("payment", "order_placed", "USD",
                                             "1234567890123456789012345678901234567890"),
                                       &job, &reason),
                     -EPROTO);
}

static void begin_cut_short_or_of_other_types(void **state)
{
    (void)state;
    struct job_begun job;
    for (size_t n = 1; n < 8; n++) {
        redis_reply *reply = begun("payment", "order_placed", "USD", "");
        redis_reply *cut = reply_array(
            8, rds_at(reply, 0), n > 1 ? rds_at(reply, 1) : reply_nil(),
            n > 2 ? rds_at(reply, 2) : reply_nil(), n > 3 ? rds_at(reply, 3) : reply_nil(),
            n > 4 ? rds_at(reply, 4) : reply_nil(), n > 5 ? rds_at(reply, 5) : reply_nil(),
            n > 6 ? rds_at(reply, 6) : reply_nil(), reply_nil());
        if (store_begin_parse(cut, &job, &reason) != -EPROTO)
            fail_msg("nil from element %zu on", n);
    }
}

/* ---- step
 * ---------------------------------------------------------------------------------- */

static void an_error_in_the_place_of_an_answer(void **state)
{
    (void)state;
    assert_string_equal(store_job_error(reply_words("error", "TIFFIN it is no order")),
                        "TIFFIN it is no order");
    assert_null(store_job_error(reply_words("error")));
    assert_null(store_job_error(reply_words("fenced")));
    assert_null(store_job_error(NULL));
}

static void step_answers(void **state)
{
    (void)state;
    struct step_next next = {0};
    assert_int_equal(store_step_parse(reply_words("fenced"), &next), -ESTALE);
    assert_int_equal(store_step_parse(reply_array(2, reply_text("settled"), reply_int(9)), &next),
                     0);
    assert_int_equal(next.fate, FATE_SETTLED);
    assert_int_equal(store_step_parse(reply_array(3, reply_text("delayed"), reply_int(3),
                                                  reply_text("quality_check")),
                                      &next),
                     0);
    assert_int_equal(next.fate, FATE_DELAYED);
    assert_int_equal(next.step, STEP_QUALITY_CHECK);
    assert_int_equal(
        store_step_parse(reply_array(3, reply_text("held"), reply_int(2), reply_text("kitchen")),
                         &next),
        0);
    assert_int_equal(next.fate, FATE_HELD);
    assert_int_equal(next.step, STEP_KITCHEN);
}

static void step_answers_that_are_incomplete(void **state)
{
    (void)state;
    struct step_next next;
    assert_int_equal(store_step_parse(reply_words("delayed"), &next), -EPROTO);
    assert_int_equal(store_step_parse(reply_words("delayed", "3", "settled"), &next), -EPROTO);
    assert_int_equal(store_step_parse(reply_words("held", "3"), &next), -EPROTO);
    assert_int_equal(store_step_parse(reply_words("moved", "3", "kitchen", "4"), &next), -EPROTO);
}

/* ---- health and figures
 * ------------------------------------------------------------------------------ */

static void library_version_is_compared_whole(void **state)
{
    (void)state;
    assert_true(store_library_version_ok(reply_text("3")));
    assert_false(store_library_version_ok(reply_text("30")));
    assert_false(store_library_version_ok(reply_text("")));
    assert_false(store_library_version_ok(reply_text(" 3")));
    assert_false(store_library_version_ok(reply_int(3)));
}

static redis_reply *stats(int n, ...)
{
    redis_reply *numbers[8];
    va_list values;
    va_start(values, n);
    for (int i = 0; i < 8; i++)
        numbers[i] = i < n ? reply_int(va_arg(values, int)) : reply_nil();
    va_end(values);
    return reply_array(9, reply_text("stats"), numbers[0], numbers[1], numbers[2], numbers[3],
                       numbers[4], numbers[5], numbers[6], numbers[7]);
}

static void stats_in_their_order(void **state)
{
    (void)state;
    struct store_stats s;
    assert_int_equal(store_stats_parse(stats(8, 10, 2, 3, 4, 5, 1, 1, 1), &s), 0);
    assert_int_equal(s.placed, 10);
    assert_int_equal(s.settled, 2);
    assert_int_equal(s.updates_pending, 3);
    assert_int_equal(s.ready, 4);
    assert_int_equal(s.active, 5);
    assert_int_equal(s.delayed, 1);
    assert_int_equal(s.dead, 1);
    assert_int_equal(s.is_paused, 1);
    assert_int_equal(store_stats_parse(reply_words("changed"), &s), -EAGAIN);
    for (int n = 0; n < 8; n++)
        assert_int_equal(store_stats_parse(stats(n, 1, 1, 1, 1, 1, 1, 1), &s), -EPROTO);
}

static void violations_count_what_is_missing_or_too_many(void **state)
{
    (void)state;
    struct store_stats s = {.placed = 10,
                            .settled = 4,
                            .updates_pending = 2,
                            .ready = 1,
                            .active = 3,
                            .delayed = 3,
                            .dead = 1};
    assert_int_equal(store_stats_violations(&s), 0);
    s.active = 1;
    assert_int_equal(store_stats_violations(&s), 2);
    s.active = 6;
    assert_int_equal(store_stats_violations(&s), 3);
    assert_int_equal(store_stats_violations(&(struct store_stats){0}), 0);
}

static void events_entries_of_an_xread(void **state)
{
    (void)state;
    redis_reply *entry = reply_array(2, reply_text("5-0"), reply_words("order", ID));
    redis_reply *entries = reply_array(1, entry);
    redis_reply *reply = reply_array(1, reply_array(2, reply_text("events:{s00}"), entries));
    assert_ptr_equal(store_events_entries(reply), entries);
    assert_null(store_events_entries(reply_nil()));
    assert_null(store_events_entries(NULL));
    assert_null(store_events_entries(reply_array(0)));
    assert_null(store_events_entries(reply_array(1, reply_text("x"))));
}

/* ---- commands: bounds only, sent to nobody
 * --------------------------------------------------------------- */

static struct rds_client nobody;

static int connect_to_nobody(void **state)
{
    (void)state;
    rds_client_init(&nobody, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    return 0;
}

static int disconnect(void **state)
{
    (void)state;
    rds_client_release(&nobody);
    return 0;
}

/* The argument lists are arrays of a fixed size: fill them to the end, and beyond. */
static void largest_batches_fit_their_arrays(void **state)
{
    (void)state;
    enum { N = 6000 };
    static char ids[N][ORDER_ID_SIZE];
    static const char *list[N];
    struct seen seen[6] = {0};
    for (int i = 0; i < N; i++) {
        order_id_new(ids[i]);
        list[i] = ids[i];
    }
    for (int extra = 0; extra <= 10; extra += 10) {
        const struct id_list batch = {list, (size_t)(STORE_BATCH_MAX + extra)};
        const struct reap_request reap = {"worker", INT64_MAX, batch};
        store_reap(nobody.rds, &reap, seen_fill, &seen[0]);
        store_leave(nobody.rds, "worker", &batch, seen_fill, &seen[1]);
        store_release(nobody.rds, 1, &batch, seen_fill, &seen[2]);
        store_forget(nobody.rds, list, (size_t)(STORE_BATCH_MAX + extra), seen_fill, &seen[4]);
        store_gateway_forget(nobody.rds, list, (size_t)(STORE_BATCH_MAX + extra), seen_fill,
                             &seen[5]);
        store_stats(nobody.rds, list, N, seen_fill, &seen[3]);
    }
    rds_client_turn(&nobody);
    for (size_t i = 0; i < LENGTH(seen); i++)
        assert_int_equal(seen[i].n, 2);
}

static void endless_texts_are_cut_not_overrun(void **state)
{
    (void)state;
    char text[2000];
    struct seen seen = {0};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct order_request order = {.restaurant_id = text,
                                  .item = text,
                                  .quantity = 20,
                                  .user_id = text,
                                  .idempotency_key = text,
                                  .deadline_ms = INT64_MAX};
    struct update_request update = {
        .message = text, .delay_ms = INT32_MAX, .idempotency_key = text, .deadline_ms = INT64_MIN};
    order_id_new(order.id);
    update_id_new(update.id);
    const struct order_request *orders[BATCH_MAX];
    for (size_t i = 0; i < BATCH_MAX; i++)
        orders[i] = &order;
    store_place_orders(nobody.rds, orders, BATCH_MAX, seen_fill, &seen);
    store_accept_update(nobody.rds, &update, seen_fill, &seen);
    store_order(nobody.rds, text, seen_fill, &seen);
    store_user_orders(nobody.rds, text, seen_fill, &seen);
    const struct charge charge = {text, INT64_MIN, text, INT64_MAX};
    store_gateway_charge(nobody.rds, &charge, text, seen_fill, &seen);
    rds_client_turn(&nobody);
    assert_int_equal(seen.n, 5);
    assert_int_equal(seen.outcome, RDS_UNSENT);
}

#define WITH_REPLIES(test) cmocka_unit_test_teardown(test, replies_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REPLIES(word_is_the_first_text),
        WITH_REPLIES(nonsense_is_refused_by_every_parser),
        WITH_REPLIES(place_words),
        WITH_REPLIES(place_with_an_id_that_does_not_fit),
        WITH_REPLIES(cancel_words),
        cmocka_unit_test(step_names_make_the_round_trip),
        WITH_REPLIES(begin_of_an_order),
        WITH_REPLIES(begin_of_a_cancelled_order),
        WITH_REPLIES(begin_of_an_update),
        WITH_REPLIES(begin_of_what_is_gone),
        WITH_REPLIES(begin_of_what_is_too_old_for_the_gateway),
        WITH_REPLIES(begin_with_an_unknown_step_tells_epoch_and_tries),
        WITH_REPLIES(begin_with_texts_that_do_not_fit),
        WITH_REPLIES(begin_cut_short_or_of_other_types),
        WITH_REPLIES(an_error_in_the_place_of_an_answer),
        WITH_REPLIES(step_answers),
        WITH_REPLIES(step_answers_that_are_incomplete),
        WITH_REPLIES(library_version_is_compared_whole),
        WITH_REPLIES(stats_in_their_order),
        WITH_REPLIES(violations_count_what_is_missing_or_too_many),
        WITH_REPLIES(events_entries_of_an_xread),
        cmocka_unit_test_setup_teardown(largest_batches_fit_their_arrays, connect_to_nobody,
                                        disconnect),
        cmocka_unit_test_setup_teardown(endless_texts_are_cut_not_overrun, connect_to_nobody,
                                        disconnect),
    };
    return cmocka_run_group_tests_name("order/store", tests, NULL, NULL);
}
