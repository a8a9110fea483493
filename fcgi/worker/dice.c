#include "worker/dice.h"

enum dice_outcome dice_roll(const struct dice_odds *odds, double unit)
{
    double roll = unit * 100; /* the outcomes share this range, side by side in this order */
    int until = odds->decline_pct;
    if (roll < until)
        return DICE_DECLINE;
    until += odds->error_pct;
    if (roll < until)
        return DICE_ERROR;
    until += odds->timeout_pct;
    if (roll < until)
        return DICE_TIMEOUT;
    until += odds->lost_reply_pct;
    if (roll < until)
        return DICE_LOST_REPLY;
    return DICE_CAPTURE;
}
