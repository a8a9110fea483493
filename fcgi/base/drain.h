/* Graceful shutdown of a server in a loop. At SIGTERM or SIGINT it stops accepting, and ends when
 * no connection is left, at the latest after TIFFIN_DRAIN_MS. A second signal ends it at once. */
#ifndef TIFFIN_BASE_DRAIN_H
#define TIFFIN_BASE_DRAIN_H

#include <stddef.h>

struct ev_loop;

struct drain {
    void (*stop)(void);   /* stops accepting; called once, at the first signal */
    size_t (*left)(void); /* how many connections are open; polled */
    const char *late;     /* for the log, after their number: "clients did not close in time" */
};

/* Takes over both signals; the end is ev_break(). `how` is kept by reference. One for each process.
 */
void drain_on_signals(struct ev_loop *loop, const struct drain *how);
/* Gives the signals back, before the loop is destroyed. */
void drain_release(struct ev_loop *loop);

#endif
