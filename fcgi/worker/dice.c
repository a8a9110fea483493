#include "worker/dice.h"

enum fate dice_fate(const struct odds *odds, double unit)
{
    double rest = unit * 100;
    if ((rest -= odds->decline_pct) < 0)
        return FATE_DECLINE;
    if ((rest -= odds->error_pct) < 0)
        return FATE_ERROR;
    if ((rest -= odds->timeout_pct) < 0)
        return FATE_TIMEOUT;
    if ((rest -= odds->lost_reply_pct) < 0)
        return FATE_LOST_REPLY;
    return FATE_CAPTURE;
}
