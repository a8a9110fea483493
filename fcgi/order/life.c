#include "order/life.h"

#include <string.h>

#include "order/order.h"

#define ANY_STATUS (-1)
#define STEPS_MAX 2 /* that may follow one state */

static const struct {
    enum order_status status;
    enum payment_status payment;
    enum kitchen_status kitchen;
    const char *steps[STEPS_MAX];
} STATES[] = {
    {ORDER_PLACED, PAYMENT_PENDING, KITCHEN_PENDING, {"payment"}},
    {ORDER_PLACED, PAYMENT_PAID, KITCHEN_PENDING, {"kitchen"}},
    {ORDER_PLACED, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"preparing_food"}},
    {ORDER_PREPARING_FOOD, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"quality_check"}},
    {ORDER_QUALITY_CHECK, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"out_for_delivery"}},
    {ORDER_OUT_FOR_DELIVERY, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"delivered"}},
    {ORDER_DELIVERED, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"settled"}},
    {ORDER_PAYMENT_FAILED, PAYMENT_DECLINED, KITCHEN_CANCELLED, {"settled"}},
    {ORDER_CANCELLED, PAYMENT_PENDING, KITCHEN_PENDING, {"payment"}},
    {ORDER_CANCELLED, PAYMENT_PAID, KITCHEN_PENDING, {"kitchen", "refund"}},
    {ORDER_CANCELLED, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, {"refund"}}, /* discarded */
    {ORDER_CANCELLED, PAYMENT_REFUNDED, KITCHEN_CANCELLED, {"settled"}},
    {ORDER_CANCELLED, PAYMENT_DECLINED, KITCHEN_CANCELLED, {"settled"}},
    {ORDER_CANCELLED, PAYMENT_NOT_CHARGED, KITCHEN_CANCELLED, {"settled"}},
};
#define STATE_COUNT (sizeof STATES / sizeof STATES[0])

static int matches(size_t i, int status, const struct order_change *state)
{
    return (status == ANY_STATUS || (int)STATES[i].status == status) &&
           STATES[i].payment == state->payment && STATES[i].kitchen == state->kitchen;
}

static int has_step(size_t i, const char *step)
{
    for (size_t s = 0; s < STEPS_MAX && STATES[i].steps[s]; s++)
        if (strcmp(STATES[i].steps[s], step) == 0)
            return 1;
    return 0;
}

int life_has_state(const struct order_change *state)
{
    int is_hidden = state->status == ORDER_NEEDS_REVIEW;
    int status = is_hidden ? ANY_STATUS : (int)state->status;
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (matches(i, status, state) && !(is_hidden && has_step(i, "settled")))
            return 1;
    return 0;
}

int life_has_step(const struct order_change *state, const char *resume_status, const char *step)
{
    int status = (int)state->status;
    if (state->status == ORDER_NEEDS_REVIEW)
        status = order_status_parse(resume_status); /* ANY_STATUS when it cannot be read */
    for (size_t i = 0; step && i < STATE_COUNT; i++)
        if (matches(i, status, state) && has_step(i, step))
            return 1;
    return 0;
}
