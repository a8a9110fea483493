/* The counters against one another, against the places, and against the orders that were walked. */
#ifndef TIFFIN_CTL_COUNTS_H
#define TIFFIN_CTL_COUNTS_H

#include <stdint.h>

struct findings;
struct fsck;
struct rds_sync;

struct counts {
    int64_t placed, settled, delivered, payment_failed, cancelled;
};
void counts_read(struct rds_sync *redis, struct counts *ret);
/* Do the counters agree with one another, and with the places, at this moment? */
void counts_check(struct rds_sync *redis, struct findings *findings);
/* Do they agree with what was walked between two readings? */
void counts_compare(struct fsck *f, const struct counts *before, const struct counts *after);

#endif
