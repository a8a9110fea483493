/* How full Redis is, and what follows from it: two programs act on it, each at its mark. Pure. */
#ifndef TIFFIN_ORDER_MEMORY_H
#define TIFFIN_ORDER_MEMORY_H

#include <stdint.h>

/* Per cent of maxmemory. What is over makes room (worker/retention.c) long before new work is
 * refused (api/memory.c); the rest is for finishing what has begun. */
#define MEMORY_ENOUGH_PCT 50
#define MEMORY_SHORT_PCT 60
#define MEMORY_FULL_PCT 80

struct memory {
    int64_t used_bytes;
    int64_t max_bytes; /* 0 = no limit */
};

/* Reads the answer of INFO memory (store_info). 0, or -EPROTO: ret is untouched. */
int memory_parse(const char *info, struct memory *ret);

/* More used than this part of the limit? Never where there is no limit. */
int memory_is_over(const struct memory *m, int per_cent);

#endif
