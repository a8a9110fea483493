/* Orders that are placed by one command. */
#include "tests/unit/support/test.h"

#include <stdio.h>

#include "order/batch.h"
#include "order/order.h"
#include "tests/unit/support/api_fixture.h"

enum { ARG_AGE_LIMIT, ARG_ID, ORDER_ARGS = 7 }; /* of place_orders */
enum { KEYS = 4, ORDER_KEYS = 5 };

static struct conn *order(void)
{
    return fixture_post("/order", "{\"restaurant_id\":\"resto_123\",\"item\":\"Curry\"}");
}

static void expect_waiting(size_t n)
{
    assert_int_equal(fake_rds_waiting("place_orders"), n);
}

/* Of the first order of the oldest command. */
static void copy_id(char out[ORDER_ID_SIZE])
{
    snprintf(out, ORDER_ID_SIZE, "%s", fake_rds_arg("place_orders", ARG_ID));
}

/* They share a command, and each has its own answer. */
static void orders_gather_while_a_command_is_unanswered(void **state)
{
    (void)state;
    struct conn *first = order(), *second = order(), *third = order(), *gone = order();
    expect_waiting(1);
    char id[ORDER_ID_SIZE];
    copy_id(id);
    fake_rds_answer("place_orders", reply_array(1, reply_words("placed", id)));
    fixture_expect(first, 201, "Order placed");
    assert_int_equal(fake_fastcgi_status(second), 0);
    fake_fastcgi_hang_up(gone);
    fixture_pass(0);
    expect_waiting(1);
    copy_id(id);
    assert_string_equal(fake_rds_arg("place_orders", ARG_ID + 2 * ORDER_ARGS), ""); /* two orders */
    fake_rds_answer("place_orders", reply_array(2, reply_words("placed", id), reply_words("busy")));
    fixture_expect(second, 201, id);
    fixture_expect(third, 503, "Too many orders are waiting");
    fixture_pass(0);
    expect_waiting(0);
}

static void a_full_command_waits_its_turn(void **state)
{
    (void)state;
    struct conn *clients[1 + BATCH_MAX + 1];
    for (size_t i = 0; i < LENGTH(clients); i++)
        clients[i] = order();
    for (size_t i = 0; i < 3; i++) {
        expect_waiting(1);
        int is_full = *fake_rds_key("place_orders", KEYS + ORDER_KEYS * BATCH_MAX - 1) != '\0';
        assert_int_equal(is_full, i == 1);
        fake_rds_fail("place_orders", RDS_ERROR, "ERR of another kind");
        fixture_pass(0);
    }
    expect_waiting(0);
    for (size_t i = 0; i < LENGTH(clients); i++)
        fixture_expect(clients[i], 500, "Internal error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(orders_gather_while_a_command_is_unanswered),
        WITH_API(a_full_command_waits_its_turn),
    };
    return cmocka_run_group_tests_name("api/placing_together", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
