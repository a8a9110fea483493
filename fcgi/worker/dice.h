/* Fault injection for the simulated payment gateway: what becomes of one charge. Pure. */
#ifndef TIFFIN_WORKER_DICE_H
#define TIFFIN_WORKER_DICE_H

enum dice_outcome {
    DICE_CAPTURE,
    DICE_DECLINE,
    DICE_ERROR,      /* the call fails; nothing was booked */
    DICE_TIMEOUT,    /* never reaches the gateway; no answer ever comes */
    DICE_LOST_REPLY, /* captured, but the answer never comes */
};

/* Per cent; their sum is at most 100, the rest captures. */
struct dice_odds {
    int decline_pct, error_pct, timeout_pct, lost_reply_pct;
};

/* The outcome for a random number `unit` in [0, 1). */
enum dice_outcome dice_roll(const struct dice_odds *odds, double unit);

#endif
