/* The states of an order, and the steps that may follow. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "order/life.h"
#include "order/order.h"

static struct order_change state_of(enum order_status status, enum payment_status payment,
                                    enum kitchen_status kitchen)
{
    return (struct order_change){.status = status, .payment = payment, .kitchen = kitchen};
}

/* Of the 105 that the words allow. */
static void only_fourteen_states_can_be(void **state)
{
    int n = 0;
    (void)state;
    for (int s = 0; s < ORDER_NEEDS_REVIEW; s++)
        for (int p = 0; p < PAYMENT_STATUS_COUNT; p++)
            for (int k = 0; k < KITCHEN_STATUS_COUNT; k++) {
                struct order_change c =
                    state_of((enum order_status)s, (enum payment_status)p, (enum kitchen_status)k);
                n += life_has_state(&c);
            }
    assert_int_equal(n, 14);
}

static void food_is_not_prepared_before_it_is_paid(void **state)
{
    (void)state;
    struct order_change c = state_of(ORDER_PREPARING_FOOD, PAYMENT_PENDING, KITCHEN_ACKNOWLEDGED);
    assert_false(life_has_state(&c));
    c.payment = PAYMENT_PAID;
    assert_true(life_has_state(&c));
}

/* needs_review hides a status that is not settled. */
static void review_is_of_what_is_not_over(void **state)
{
    (void)state;
    struct order_change c = state_of(ORDER_NEEDS_REVIEW, PAYMENT_PAID, KITCHEN_PENDING);
    assert_true(life_has_state(&c));
    c = state_of(ORDER_NEEDS_REVIEW, PAYMENT_PENDING, KITCHEN_PENDING);
    assert_true(life_has_state(&c));
    c = state_of(ORDER_NEEDS_REVIEW, PAYMENT_DECLINED, KITCHEN_CANCELLED);
    assert_false(life_has_state(&c));
    c = state_of(ORDER_NEEDS_REVIEW, PAYMENT_REFUNDED, KITCHEN_CANCELLED);
    assert_false(life_has_state(&c));
}

/* Every step of a job follows some state, and the end ("settled") exactly the settled ones. */
static void steps_fit_the_states(void **state)
{
    int n_of_step[STEP_COUNT] = {0};
    (void)state;
    for (int s = 0; s < ORDER_NEEDS_REVIEW; s++)
        for (int p = 0; p < PAYMENT_STATUS_COUNT; p++)
            for (int k = 0; k < KITCHEN_STATUS_COUNT; k++) {
                struct order_change c =
                    state_of((enum order_status)s, (enum payment_status)p, (enum kitchen_status)k);
                if (!life_has_state(&c))
                    continue;
                assert_int_equal(life_has_step(&c, NULL, "settled"), order_is_settled(&c));
                for (int step = 0; step < STEP_COUNT; step++)
                    n_of_step[step] += life_has_step(&c, NULL, job_step_name((enum job_step)step));
            }
    const int expected[STEP_COUNT] = {
        [STEP_PAYMENT] = 2,       [STEP_KITCHEN] = 2,          [STEP_PREPARING_FOOD] = 1,
        [STEP_QUALITY_CHECK] = 1, [STEP_OUT_FOR_DELIVERY] = 1, [STEP_DELIVERED] = 1,
        [STEP_REFUND] = 2,        [STEP_BROADCAST] = 0,
    };
    assert_memory_equal(n_of_step, expected, sizeof expected);
}

static void no_step_fits_nothing(void **state)
{
    (void)state;
    struct order_change c = state_of(ORDER_PLACED, PAYMENT_PENDING, KITCHEN_PENDING);
    assert_true(life_has_step(&c, NULL, "payment"));
    assert_false(life_has_step(&c, NULL, NULL));
    assert_false(life_has_step(&c, NULL, ""));
    assert_false(life_has_step(&c, NULL, "payments"));
}

static void a_step_in_review_fits_the_status_to_go_back_to(void **state)
{
    (void)state;
    struct order_change c = state_of(ORDER_NEEDS_REVIEW, PAYMENT_PAID, KITCHEN_PENDING);
    assert_true(life_has_step(&c, "order_placed", "kitchen"));
    assert_false(life_has_step(&c, "order_placed", "refund"));
    assert_true(life_has_step(&c, "cancelled", "refund"));
    assert_true(life_has_step(&c, NULL, "refund"));
    assert_true(life_has_step(&c, "?", "kitchen"));
    assert_false(life_has_step(&c, NULL, "payment"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_fourteen_states_can_be),
        cmocka_unit_test(food_is_not_prepared_before_it_is_paid),
        cmocka_unit_test(review_is_of_what_is_not_over),
        cmocka_unit_test(steps_fit_the_states),
        cmocka_unit_test(no_step_fits_nothing),
        cmocka_unit_test(a_step_in_review_fits_the_status_to_go_back_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
