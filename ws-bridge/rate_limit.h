/* Rate limits, as token buckets: of each client address so many messages and so many bytes a
 * second, and of the room as a whole so many bytes as its clients can be sent.
 *
 * A bucket is the address's, not the connection's: fifty connections of one address share it, and
 * who reconnects finds it as it was left. An IPv6 client has a whole network of addresses to choose
 * from: the first 64 bits count, as in nginx/parts/limits.conf. Each bridge counts for itself. */
#ifndef TIFFIN_WS_RATE_LIMIT_H
#define TIFFIN_WS_RATE_LIMIT_H

#include <stddef.h>

/* The buckets of one address; owned by this module, shared by the address's connections. */
struct rate_limit;

/* Rates are per second, bursts what a full bucket holds. rate 0: nothing at all is limited. */
struct rate_limit_rules {
    int rate, burst;             /* messages of an address */
    int bytes_rate, bytes_burst; /* bytes of an address; bytes_rate 0 = no limit */
    int room_rate;               /* bytes that go to every client; 0 = no limit */
    size_t max_bytes;            /* of one message: it always fits into a burst */
};

void rate_limit_start(const struct rate_limit_rules *rules);
/* Forgets all addresses. All connections must have left. */
void rate_limit_stop(void);

/* Another connection of this address (as nginx tells it; whatever is no address counts as one and
 * the same). To be left again. NULL when nothing is limited, which the functions below accept. */
struct rate_limit *rate_limit_enter(const char *address);
/* The connection has ended. The address is remembered until its buckets are full again. */
void rate_limit_leave(struct rate_limit *a);

/* So many bytes have come, of whatever kind. -> how many of them may be read */
size_t rate_limit_take_bytes(struct rate_limit *a, size_t n);
/* One message has come. -> may it be passed on? */
int rate_limit_take_message(struct rate_limit *a);
/* A message of n bytes is to be broadcast. -> may it be? */
int rate_limit_take_room(size_t n);

/* Addresses that are remembered. */
size_t rate_limit_addresses(void);

#endif
