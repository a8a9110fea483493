/* Entries of the events stream. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "order/order.h"
#include "tests/unit/support/replies.h"

#define ID "order_00abcdefghijklmnopqrst"
#define ID2 "order_00bcdefghijklmnopqrstu"
#define AT "2026-11-22T11:00:58.123Z"

static const char *const EVENT[] = {
    "order",
    ID,
    "version",
    "4",
    "status",
    "preparing_food",
    "payment_status",
    "paid",
    "kitchen_status",
    "acknowledged",
    "at",
    AT,
};

static redis_reply *event_with(const char *field, const char *value)
{
    const char *words[LENGTH(EVENT)];
    size_t n = 0;
    for (size_t i = 0; i < LENGTH(EVENT); i += 2) {
        int is_it = strcmp(EVENT[i], field) == 0;
        if (is_it && !value)
            continue;
        words[n++] = EVENT[i];
        words[n++] = is_it ? value : EVENT[i + 1];
    }
    return reply_list(n, words);
}

/* Opens it and reads its first change. */
static int first_change(const redis_reply *fields, char id[ORDER_ID_SIZE],
                        struct order_change *change)
{
    struct order_event event;
    order_event_open(&event, fields);
    return order_event_next(&event, id, change);
}

/* Its next change is of ID: version 4, which is being prepared. */
static void expect_fourth_version(struct order_event *event)
{
    char id[ORDER_ID_SIZE] = "";
    struct order_change change;
    assert_int_equal(order_event_next(event, id, &change), 1);
    assert_string_equal(id, ID);
    assert_int_equal(change.version, 4);
    assert_int_equal(change.status, ORDER_PREPARING_FOOD);
    assert_int_equal(change.payment, PAYMENT_PAID);
    assert_int_equal(change.kitchen, KITCHEN_ACKNOWLEDGED);
    assert_string_equal(change.at, AT);
}

static void a_change_by_fields(void **state)
{
    (void)state;
    char id[ORDER_ID_SIZE] = "";
    struct order_change change;
    struct order_event event;
    order_event_open(&event, reply_list(LENGTH(EVENT), EVENT));
    expect_fourth_version(&event);
    assert_int_equal(order_event_next(&event, id, &change), 0);
    assert_int_equal(order_event_next(&event, id, &change), 0);
}

#define CHANGES(lines) reply_list(4, (const char *const[]){"at", AT, "changes", lines})

static void many_changes_of_one_time(void **state)
{
    (void)state;
    char id[ORDER_ID_SIZE] = "";
    struct order_change change;
    struct order_event event;
    order_event_open(&event, CHANGES(ID " 4 preparing_food paid acknowledged\n" ID2
                                        " 2147483647 order_placed pending pending"));
    expect_fourth_version(&event);
    assert_int_equal(order_event_next(&event, id, &change), 1);
    assert_string_equal(id, ID2);
    assert_int_equal(change.version, INT32_MAX);
    assert_int_equal(change.status, ORDER_PLACED);
    assert_int_equal(change.payment, PAYMENT_PENDING);
    assert_int_equal(change.kitchen, KITCHEN_PENDING);
    assert_string_equal(change.at, AT);
    assert_int_equal(order_event_next(&event, id, &change), 0);
    assert_int_equal(order_event_next(&event, id, &change), 0);
}

/* The one after it is read all the same. */
static void an_unreadable_line(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "",
        ID,
        ID " 4",
        ID " 4 ",
        ID " x preparing_food paid acknowledged",
        ID " 0 preparing_food paid acknowledged",
        ID " -4 preparing_food paid acknowledged",
        ID " 4x preparing_food paid acknowledged",
        ID " 2147483648 preparing_food paid acknowledged",
        ID " 4 cooking paid acknowledged",
        ID " 4 preparing_food paid",
        ID " 4 preparing_food paid acknowledged ",
        ID " 4 preparing_food paid acknowledged " AT,
        ID ID " 4 preparing_food paid acknowledged",
    };
    for (size_t i = 0; i < LENGTH(LINES); i++) {
        char lines[256], id[ORDER_ID_SIZE];
        struct order_change change;
        struct order_event event;
        snprintf(lines, sizeof lines, "%s\n" ID2 " 2 order_placed paid pending", LINES[i]);
        order_event_open(&event, CHANGES(lines));
        if (order_event_next(&event, id, &change) != -EPROTO)
            fail_msg("\"%s\" is accepted", LINES[i]);
        assert_int_equal(order_event_next(&event, id, &change), 1);
        assert_string_equal(id, ID2);
        assert_int_equal(change.version, 2);
        assert_int_equal(order_event_next(&event, id, &change), 0);
        assert_int_equal(first_change(CHANGES(LINES[i]), id, &change), -EPROTO);
    }
}

static void changes_without_a_good_time(void **state)
{
    (void)state;
    char id[ORDER_ID_SIZE];
    struct order_change change;
    static const char *const CHANGE = ID " 4 preparing_food paid acknowledged";
    assert_int_equal(
        first_change(reply_list(2, (const char *const[]){"changes", CHANGE}), id, &change),
        -EPROTO);
    const char *const late[] = {"at", AT "0", "changes", CHANGE};
    assert_int_equal(first_change(reply_list(LENGTH(late), late), id, &change), -EPROTO);
}

static void event_without_one_of_its_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(EVENT); i += 2) {
        char id[ORDER_ID_SIZE];
        struct order_change change;
        if (first_change(event_with(EVENT[i], NULL), id, &change) != -EPROTO)
            fail_msg("without %s", EVENT[i]);
    }
}

static void corrupt_events(void **state)
{
    static const struct {
        const char *field, *value;
    } TABLE[] = {
        {"version", ""},
        {"version", "0"},
        {"version", "-1"},
        {"version", "4x"},
        {"version", "2147483648"},
        {"version", "-4294967292"}, /* 4, were it cut to 32 bits */
        {"version", "-9223372036854775807"},
        {"status", "cooking"},
        {"payment_status", ""},
        {"kitchen_status", "paid"},
        {"at", AT "0"},
    };
    (void)state;
    char id[ORDER_ID_SIZE];
    struct order_change change;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        if (first_change(event_with(TABLE[i].field, TABLE[i].value), id, &change) != -EPROTO)
            fail_msg("%s = \"%s\" is accepted", TABLE[i].field, TABLE[i].value);
    }
    assert_int_equal(first_change(NULL, id, &change), -EPROTO);
    assert_int_equal(first_change(reply_nil(), id, &change), -EPROTO);
    assert_int_equal(first_change(reply_array(0), id, &change), -EPROTO);
}

#define WITH_REPLIES(test) cmocka_unit_test_teardown(test, replies_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REPLIES(a_change_by_fields),
        WITH_REPLIES(many_changes_of_one_time),
        WITH_REPLIES(an_unreadable_line),
        WITH_REPLIES(changes_without_a_good_time),
        WITH_REPLIES(event_without_one_of_its_fields),
        WITH_REPLIES(corrupt_events),
    };
    return cmocka_run_group_tests_name("order/order_event", tests, NULL, NULL);
}
