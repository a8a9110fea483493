/* Health probe: asks a running program at the socket it listens on, as nginx would. */
#ifndef TIFFIN_BASE_PROBE_H
#define TIFFIN_BASE_PROBE_H

#include <stddef.h>

struct probe {
    const void *question;
    size_t n;      /* bytes of the question; few, so that they are sent at once */
    char *answer;  /* where the first bytes of the answer go, without a NUL */
    size_t wanted; /* how many of them */
};

/* Asks at an address of the settings, that of the `number`-th process of a pool (address_of()).
 * Blocks, at each step for at most 3 s: not for a server. 0, or -errno: -EAGAIN when the answer
 * does not come in time, -EPIPE when it is shorter than wanted. */
int probe_ask(const char *address, int number, const struct probe *probe);

#endif
