#include "tests/unit/support/test.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "order/order.h"
#include "tests/unit/support/replies.h"

#define ID "order_00abcdefghijklmnopqrst"
#define AT "2026-11-22T11:00:58.123Z"
#define AT_2 "2026-11-22T11:01:00.000Z"

/* ---- names ----------------------------------------------------------------------------------- */

static void names_make_the_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        assert_int_equal(order_status_parse(order_status_name((enum order_status)i)), i);
    for (int i = 0; i < PAYMENT_STATUS_COUNT; i++)
        assert_int_equal(payment_status_parse(payment_status_name((enum payment_status)i)), i);
    for (int i = 0; i < KITCHEN_STATUS_COUNT; i++)
        assert_int_equal(kitchen_status_parse(kitchen_status_name((enum kitchen_status)i)), i);
}

static void names_are_those_of_the_wire(void **state)
{
    static const char *const STATUS[] = {"order_placed",     "preparing_food", "quality_check",
                                         "out_for_delivery", "delivered",      "payment_failed",
                                         "cancelled",        "needs_review"};
    static const char *const PAYMENT[] = {"pending", "paid", "declined", "refunded", "not_charged"};
    static const char *const KITCHEN[] = {"pending", "acknowledged", "cancelled"};
    (void)state;
    assert_int_equal(LENGTH(STATUS), ORDER_STATUS_COUNT);
    assert_int_equal(LENGTH(PAYMENT), PAYMENT_STATUS_COUNT);
    assert_int_equal(LENGTH(KITCHEN), KITCHEN_STATUS_COUNT);
    for (size_t i = 0; i < LENGTH(STATUS); i++)
        assert_string_equal(order_status_name((enum order_status)i), STATUS[i]);
    for (size_t i = 0; i < LENGTH(PAYMENT); i++)
        assert_string_equal(payment_status_name((enum payment_status)i), PAYMENT[i]);
    for (size_t i = 0; i < LENGTH(KITCHEN); i++)
        assert_string_equal(kitchen_status_name((enum kitchen_status)i), KITCHEN[i]);
}

static void other_words_are_no_names(void **state)
{
    static const char *const OTHERS[] = {NULL,   "",      "Delivered", "delivered ", " paid",
                                         "PAID", "order", "-1",        "0",          "settled"};
    (void)state;
    for (size_t i = 0; i < LENGTH(OTHERS); i++) {
        assert_int_equal(order_status_parse(OTHERS[i]), -1);
        assert_int_equal(payment_status_parse(OTHERS[i]), -1);
        assert_int_equal(kitchen_status_parse(OTHERS[i]), -1);
    }
}

static void settled_for_every_status_and_payment(void **state)
{
    /* columns: pending, paid, declined, refunded, not_charged */
    static const int SETTLED[ORDER_STATUS_COUNT][PAYMENT_STATUS_COUNT] = {
        [ORDER_PLACED] = {0, 0, 0, 0, 0},        [ORDER_PREPARING_FOOD] = {0, 0, 0, 0, 0},
        [ORDER_QUALITY_CHECK] = {0, 0, 0, 0, 0}, [ORDER_OUT_FOR_DELIVERY] = {0, 0, 0, 0, 0},
        [ORDER_DELIVERED] = {1, 1, 1, 1, 1},     [ORDER_PAYMENT_FAILED] = {1, 1, 1, 1, 1},
        [ORDER_CANCELLED] = {0, 0, 1, 1, 1},     [ORDER_NEEDS_REVIEW] = {0, 0, 0, 0, 0},
    };
    (void)state;
    for (int s = 0; s < ORDER_STATUS_COUNT; s++)
        for (int p = 0; p < PAYMENT_STATUS_COUNT; p++)
            for (int k = 0; k < KITCHEN_STATUS_COUNT; k++) {
                struct order_change now = {.version = 1,
                                           .status = (enum order_status)s,
                                           .payment = (enum payment_status)p,
                                           .kitchen = (enum kitchen_status)k};
                if (order_is_settled(&now) != SETTLED[s][p])
                    fail_msg("%s, %s, %s", order_status_name(now.status),
                             payment_status_name(now.payment), kitchen_status_name(now.kitchen));
            }
}

/* ---- parsing a hash -------------------------------------------------------------------------- */

/* A whole order, as HGETALL gives it. */
static const char *const HASH[] = {
    "id",
    ID,
    "restaurant_id",
    "resto_123",
    "restaurant",
    "The Spicy Spoon",
    "item",
    "Curry",
    "quantity",
    "2",
    "amount_cents",
    "2598",
    "currency",
    "USD",
    "created_at",
    AT,
    "user_id",
    "123",
    "step",
    "kitchen",
    "epoch",
    "3",
    "status",
    "order_placed",
    "payment_status",
    "paid",
    "kitchen_status",
    "pending",
    "version",
    "2",
    "v1",
    "order_placed pending pending 2026-11-22T11:00:58.123Z",
    "v2",
    "order_placed paid pending 2026-11-22T11:01:00.000Z",
};

/* The whole order, with one field's value changed (NULL: the field left out). */
static redis_reply *hash_with(const char *field, const char *value)
{
    const char *words[LENGTH(HASH)];
    size_t n = 0;
    for (size_t i = 0; i < LENGTH(HASH); i += 2) {
        int is_it = strcmp(HASH[i], field) == 0;
        if (is_it && !value)
            continue;
        words[n++] = HASH[i];
        words[n++] = is_it ? value : HASH[i + 1];
    }
    return reply_list(n, words);
}

static void whole_order(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(order_parse(reply_list(LENGTH(HASH), HASH), &o), 0);
    assert_string_equal(o.id, ID);
    assert_string_equal(o.item, "Curry");
    assert_string_equal(o.restaurant_id, "resto_123");
    assert_string_equal(o.restaurant, "The Spicy Spoon");
    assert_string_equal(o.user_id, "123");
    assert_string_equal(o.currency, "USD");
    assert_string_equal(o.created_at, AT);
    assert_int_equal(o.quantity, 2);
    assert_int_equal(o.amount_cents, 2598);
    assert_int_equal(o.n_history, 2);
    assert_int_equal(o.history[0].version, 1);
    assert_int_equal(o.history[0].status, ORDER_PLACED);
    assert_int_equal(o.history[0].payment, PAYMENT_PENDING);
    assert_int_equal(o.history[0].kitchen, KITCHEN_PENDING);
    assert_string_equal(o.history[0].at, AT);
    assert_int_equal(o.history[1].version, 2);
    assert_int_equal(o.history[1].payment, PAYMENT_PAID);
    assert_string_equal(o.history[1].at, AT_2);
    assert_memory_equal(&o.now, &o.history[1], sizeof o.now);
}

static void order_of_nobody(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(order_parse(hash_with("user_id", NULL), &o), 0);
    assert_null(o.user_id);
}

static void fields_in_any_order_and_unknown_ones(void **state)
{
    (void)state;
    const char *words[LENGTH(HASH) + 2] = {"added_later", "x"};
    for (size_t i = 0; i < LENGTH(HASH); i += 2) {
        words[2 + i] = HASH[LENGTH(HASH) - 2 - i];
        words[3 + i] = HASH[LENGTH(HASH) - 1 - i];
    }
    struct order o;
    assert_int_equal(order_parse(reply_list(LENGTH(words), words), &o), 0);
    assert_string_equal(o.item, "Curry");
    assert_int_equal(o.now.version, 2);
}

static void empty_or_absent_hash_is_no_order(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(order_parse(reply_array(0), &o), -ENOENT);
    assert_int_equal(order_parse(reply_nil(), &o), -ENOENT);
    assert_int_equal(order_parse(NULL, &o), -ENOENT);
}

static void every_needed_field_is_missed(void **state)
{
    static const char *const NEEDED[] = {
        "id",       "restaurant_id", "restaurant", "item", "quantity", "amount_cents",
        "currency", "created_at",    "version",    "v1",   "v2"};
    (void)state;
    struct order o;
    for (size_t i = 0; i < LENGTH(NEEDED); i++)
        if (order_parse(hash_with(NEEDED[i], NULL), &o) != -EPROTO)
            fail_msg("without %s", NEEDED[i]);
}

static void corrupt_fields(void **state)
{
    static const struct {
        const char *field, *value;
    } TABLE[] = {
        {"quantity", ""},
        {"quantity", "two"},
        {"quantity", "2.5"},
        {"quantity", "99999999999999999999"},
        {"amount_cents", ""},
        {"amount_cents", "12.98"},
        {"amount_cents", "1e3"},
        {"version", ""},
        {"version", "0"},
        {"version", "-1"},
        {"version", "x"},
        {"version", "3"}, /* one more than there is history */
        {"version", "2147483647"},
        {"version", "2147483648"},
        {"version", "4294967298"}, /* 2, were it cut to 32 bits */
        {"v1", ""},
        {"v1", "order_placed"},
        {"v1", "order_placed pending"},
        {"v1", "order_placed pending pending"},
        {"v1", "order_placed pending pending "},
        {"v1", "placed pending pending " AT},
        {"v1", "order_placed unpaid pending " AT},
        {"v1", "order_placed pending asleep " AT},
        {"v1", "order_placed pending pending " AT "0"},
        {"v1", "order_placed pending pending " AT " and more"},
        {"v2", "pending order_placed paid " AT},
        {"v2", "an_endless_word_that_is_longer_than_any_status paid pending " AT},
    };
    (void)state;
    struct order o;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (order_parse(hash_with(TABLE[i].field, TABLE[i].value), &o) != -EPROTO)
            fail_msg("%s = \"%s\" is accepted", TABLE[i].field, TABLE[i].value);
}

static void values_that_are_no_text(void **state)
{
    (void)state;
    struct order o;
    for (size_t i = 0; i < LENGTH(HASH); i += 2) {
        if (strcmp(HASH[i], "user_id") == 0)
            continue;
        redis_reply *reply = reply_list(LENGTH(HASH), HASH);
        reply->element[i + 1] = reply_nil();
        int is_read = strcmp(HASH[i], "step") != 0 && strcmp(HASH[i], "epoch") != 0 &&
                      !strstr(HASH[i], "status");
        assert_int_equal(order_parse(reply, &o), is_read ? -EPROTO : 0);
    }
    assert_int_equal(order_parse(reply_words("id"), &o), -EPROTO);
    assert_int_equal(order_parse(reply_array(2, reply_int(1), reply_int(2)), &o), -EPROTO);
}

/* An order with `version` versions; its history holds those from `first` on. */
static redis_reply *long_order(int64_t first, int64_t version)
{
    enum { FIXED = 18 };
    static char fields[300][24], line[] = "needs_review paid pending " AT, number[24];
    const char *words[FIXED + 2 * 300];
    size_t n = 0, f = 0;
    for (size_t i = 0; i < FIXED; i++)
        words[n++] = HASH[i];
    snprintf(number, sizeof number, "%lld", (long long)version);
    words[n++] = "version";
    words[n++] = number;
    for (int64_t v = first; v <= version; v++) {
        snprintf(fields[f], sizeof fields[f], "v%lld", (long long)v);
        words[n++] = fields[f++];
        words[n++] = line;
    }
    return reply_list(n, words);
}

static void history_up_to_the_maximum_is_kept_whole(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(order_parse(long_order(1, ORDER_HISTORY_MAX), &o), 0);
    assert_int_equal(o.n_history, ORDER_HISTORY_MAX);
    assert_int_equal(o.history[0].version, 1);
    assert_int_equal(o.now.version, ORDER_HISTORY_MAX);
}

static void longer_history_is_cut_to_the_newest(void **state)
{
    static const int VERSIONS[] = {ORDER_HISTORY_MAX + 1, ORDER_HISTORY_MAX + 2, 200};
    (void)state;
    for (size_t i = 0; i < LENGTH(VERSIONS); i++) {
        struct order o;
        assert_int_equal(order_parse(long_order(1, VERSIONS[i]), &o), 0);
        assert_int_equal(o.n_history, ORDER_HISTORY_MAX);
        for (int h = 0; h < o.n_history; h++)
            assert_int_equal(o.history[h].version, VERSIONS[i] - ORDER_HISTORY_MAX + 1 + h);
        assert_int_equal(o.now.version, VERSIONS[i]);
    }
}

static void only_the_newest_history_is_needed(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(order_parse(long_order(200 - ORDER_HISTORY_MAX + 1, 200), &o), 0);
    assert_int_equal(order_parse(long_order(200 - ORDER_HISTORY_MAX + 2, 200), &o), -EPROTO);
}

static void highest_version_there_can_be(void **state)
{
    (void)state;
    struct order o;
    assert_int_equal(
        order_parse(long_order((int64_t)INT32_MAX - ORDER_HISTORY_MAX + 1, INT32_MAX), &o), 0);
    assert_int_equal(o.n_history, ORDER_HISTORY_MAX);
    assert_int_equal(o.now.version, INT32_MAX);
}

#define WITH_REPLIES(test) cmocka_unit_test_teardown(test, replies_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_make_the_round_trip),
        cmocka_unit_test(names_are_those_of_the_wire),
        cmocka_unit_test(other_words_are_no_names),
        cmocka_unit_test(settled_for_every_status_and_payment),
        WITH_REPLIES(whole_order),
        WITH_REPLIES(order_of_nobody),
        WITH_REPLIES(fields_in_any_order_and_unknown_ones),
        WITH_REPLIES(empty_or_absent_hash_is_no_order),
        WITH_REPLIES(every_needed_field_is_missed),
        WITH_REPLIES(corrupt_fields),
        WITH_REPLIES(values_that_are_no_text),
        WITH_REPLIES(history_up_to_the_maximum_is_kept_whole),
        WITH_REPLIES(longer_history_is_cut_to_the_newest),
        WITH_REPLIES(only_the_newest_history_is_needed),
        WITH_REPLIES(highest_version_there_can_be),
    };
    return cmocka_run_group_tests_name("order/order", tests, NULL, NULL);
}
