#include "tests/unit/support/test.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "api/etag.h"
#include "api/order_view.h"
#include "order/order.h"

#define ID "order_00abcdefghijklmnopqrst"

static const struct order ORDER = {
    .id = ID,
    .item = "Curry \"hot\" / caf\xc3\xa9",
    .restaurant_id = "resto_123",
    .restaurant = "The Spicy Spoon",
    .user_id = "123",
    .currency = "USD",
    .created_at = "2026-11-22T11:00:58.123Z",
    .quantity = 2,
    .amount_cents = 9007199254740993, /* not a double's number */
    .now = {2, ORDER_PLACED, PAYMENT_PAID, KITCHEN_PENDING, "2026-11-22T11:01:00.000Z"},
    .n_history = 2,
    .history = {{1, ORDER_PLACED, PAYMENT_PENDING, KITCHEN_PENDING, "2026-11-22T11:00:58.123Z"},
                {2, ORDER_PLACED, PAYMENT_PAID, KITCHEN_PENDING, "2026-11-22T11:01:00.000Z"}},
};

/* Compares the text on the wire and frees the object. */
static void assert_json(struct json_object *object, const char *expected)
{
    assert_non_null(object);
    assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE),
                        expected);
    json_object_put(object);
}

static void whole_order_exactly(void **state)
{
    (void)state;
    assert_json(order_view(&ORDER),
                "{\"id\":\"" ID "\",\"item\":\"Curry \\\"hot\\\" / caf\xc3\xa9\",\"quantity\":2,"
                "\"restaurant\":\"The Spicy Spoon\",\"status\":\"order_placed\","
                "\"payment_status\":\"paid\",\"kitchen_status\":\"pending\","
                "\"amount_cents\":9007199254740993,\"currency\":\"USD\","
                "\"created_at\":\"2026-11-22T11:00:58.123Z\","
                "\"updated_at\":\"2026-11-22T11:01:00.000Z\",\"version\":2,\"history\":["
                "{\"version\":1,\"status\":\"order_placed\",\"payment_status\":\"pending\","
                "\"kitchen_status\":\"pending\",\"at\":\"2026-11-22T11:00:58.123Z\"},"
                "{\"version\":2,\"status\":\"order_placed\",\"payment_status\":\"paid\","
                "\"kitchen_status\":\"pending\",\"at\":\"2026-11-22T11:01:00.000Z\"}]}");
}

static void view_does_not_tell_who_ordered(void **state)
{
    (void)state;
    struct json_object *body = order_view(&ORDER);
    assert_false(json_object_object_get_ex(body, "user_id", NULL));
    json_object_put(body);
}

static void event_exactly(void **state)
{
    (void)state;
    struct order_change change = {7, ORDER_CANCELLED, PAYMENT_REFUNDED, KITCHEN_CANCELLED,
                                  "2026-11-22T11:02:00.001Z"};
    assert_json(order_event_view(ID, &change),
                "{\"order_id\":\"" ID "\",\"status\":\"cancelled\","
                "\"payment_status\":\"refunded\",\"kitchen_status\":\"cancelled\","
                "\"timestamp\":\"2026-11-22T11:02:00.001Z\",\"version\":7}");
}

static void event_is_one_line(void **state)
{
    (void)state;
    struct order_change change = ORDER.now;
    struct json_object *data = order_event_view("order\nwith\r\nbreaks", &change);
    assert_null(strpbrk(json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN), "\r\n"));
    json_object_put(data);
}

static void etags_by_table(void **state)
{
    static const struct {
        const char *list;
        int version, matches;
    } TABLE[] = {
        {"", 3, 0},
        {"\"3\"", 3, 1},
        {"\"4\"", 3, 0},
        {"\"33\"", 3, 0},
        {"\"3\"", 33, 0},
        {"W/\"3\"", 3, 1},
        {"w/\"3\"", 3, 0},
        {"W/3", 3, 0},
        {"*", 3, 1},
        {" * ", 3, 1},
        {"3", 3, 0},
        {"'3'", 3, 0},
        {"\"1\", \"2\", \"3\"", 3, 1},
        {"\"1\",\"2\",\"3\"", 3, 1},
        {"\"1\", \"2\"", 3, 0},
        {"W/\"1\", W/\"3\"", 3, 1},
        {"\"3\", \"1\"", 3, 1},
        {" \t\"3\"", 3, 1},
        {", ,\"3\",", 3, 1},
        {"\"\"", 3, 0},
        {"\"\", \"3\"", 3, 1},
        {"\"abc\"", 3, 0},
        {"\"abc\", \"3\"", 3, 1},
        {"\"3abc\"", 3, 0},
        {"\"a,3\"", 3, 0},
        {"\"*\"", 3, 0},
        {"\"3", 3, 0},
        {"\"", 3, 0},
        {"3\"", 3, 0},
        {"W/", 3, 0},
        {"W", 3, 0},
        {",", 3, 0},
        {"   ", 3, 0},
        {"junk, \"3\"", 3, 0}, /* not a list of entity tags */
        {"\"99999999999999999999\"", 2147483647, 0},
        {"\"4294967299\"", 3, 0},
        {"\"2147483647\"", 2147483647, 1},
        /* an entity tag is compared as text */
        {"\"03\"", 3, 0},
        {"\"+3\"", 3, 0},
        {"\" 3\"", 3, 0},
        {"\"3 \"", 3, 0},
        {"\"-3\"", 3, 0},
        {"\"0x3\"", 3, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (etag_matches(guarded_text(TABLE[i].list), TABLE[i].version) != TABLE[i].matches)
            fail_msg("If-None-Match: %s, version %d", TABLE[i].list, TABLE[i].version);
}

static void very_long_etag_lists(void **state)
{
    (void)state;
    char list[8192];
    size_t n = 0;
    while (n < sizeof list - 32)
        n += (size_t)snprintf(list + n, sizeof list - n, "W/\"x\", ");
    assert_false(etag_matches(list, 3));
    memcpy(list + n, "\"3\"", 4);
    assert_true(etag_matches(list, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_order_exactly), cmocka_unit_test(view_does_not_tell_who_ordered),
        cmocka_unit_test(event_exactly),       cmocka_unit_test(event_is_one_line),
        cmocka_unit_test(etags_by_table),      cmocka_unit_test(very_long_etag_lists),
    };
    return cmocka_run_group_tests_name("api/order_view", tests, NULL, NULL);
}
