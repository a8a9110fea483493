/* The simulated gateway's luck: what becomes of one charge. Pure. */
#ifndef TIFFIN_WORKER_DICE_H
#define TIFFIN_WORKER_DICE_H

enum fate {
    FATE_CAPTURE,
    FATE_DECLINE,
    FATE_ERROR,      /* the call fails; nothing was booked */
    FATE_TIMEOUT,    /* never reaches the gateway; no answer ever comes */
    FATE_LOST_REPLY, /* captured, but the answer never comes */
};

/* Per cent; their sum is at most 100, the rest captures. */
struct odds {
    int decline_pct, error_pct, timeout_pct, lost_reply_pct;
};

/* `unit` is a random number in [0, 1). */
enum fate dice_fate(const struct odds *odds, double unit);

#endif
