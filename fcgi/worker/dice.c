#include "worker/dice.h"

enum fate dice_fate(const struct odds *odds, double unit)
{
    double roll = unit * 100; /* the fates lie on it side by side, in this order */
    int until = odds->decline_pct;
    if (roll < until)
        return FATE_DECLINE;
    until += odds->error_pct;
    if (roll < until)
        return FATE_ERROR;
    until += odds->timeout_pct;
    if (roll < until)
        return FATE_TIMEOUT;
    until += odds->lost_reply_pct;
    if (roll < until)
        return FATE_LOST_REPLY;
    return FATE_CAPTURE;
}
