/* What may be said: of each client address so many messages and so many bytes a second, and of the
 * room as a whole so much as its listeners can take.
 *
 * The allowance is the address's, not the connection's: who opens fifty of them says no more, and
 * who hangs up and calls again finds it as it was left. An IPv6 client has a whole network of
 * addresses to choose from: the first 64 bits count, as in nginx/parts/limits.conf. Each bridge
 * counts for itself. */
#ifndef TIFFIN_WS_ALLOWANCE_H
#define TIFFIN_WS_ALLOWANCE_H

#include <stddef.h>

struct allowance;

/* Rates are a second's; rate 0: nothing at all is limited. */
struct allowance_rules {
    int rate, burst;             /* messages of an address */
    int bytes_rate, bytes_burst; /* bytes of an address; bytes_rate 0 = no limit */
    int room_rate;               /* bytes that go to every listener; 0 = no limit */
    size_t max_bytes;            /* of one message: it always fits into a burst */
};

void allowance_start(const struct allowance_rules *rules);
/* Forgets all addresses: nobody may be there any more. */
void allowance_stop(void);

/* Another connection of this address (as nginx tells it; all that is none counts as one address).
 * NULL when nothing is limited, which the functions below take. To be left again. */
struct allowance *allowance_enter(const char *address);
/* The connection has ended. The address is remembered until its allowance is whole again. NULL is
 * fine. */
void allowance_leave(struct allowance *a);

/* So many bytes have come, of whatever kind. -> how many of them may be taken */
size_t allowance_take_bytes(struct allowance *a, size_t n);
/* Another message. 0: it is one too many. */
int allowance_take_message(struct allowance *a);
/* A message of n bytes for everybody in the room. 0: there is no room for it now. */
int allowance_take_room(size_t n);

/* Addresses that are remembered. */
size_t allowance_addresses(void);

#endif
