/* The walks of fsck. They go on while the system works, so what they read is of different moments:
 * whatever looks wrong is read again as a snapshot (walk_recheck), and only that counts.
 *
 * The order of the walks is what makes money provable on a living system: the ledger is read before
 * the orders. An order stores its payment key before the gateway is called, and never drops it;
 * so the order of an entry that was seen carries its key whenever it is read later. */
#ifndef TIFFIN_CTL_WALK_H
#define TIFFIN_CTL_WALK_H

#include <stddef.h>

#include "order/commands.h"
#include "order/key_kind.h"

struct fsck;
struct redisReply;

/* In this order; each adds to the findings. */
void walk_library(struct fsck *f);
void walk_side_tables(struct fsck *f); /* ledger, active lists, Idempotency-Keys, users' lists */
void walk_queue(struct fsck *f);       /* where each id is */
void walk_jobs(struct fsck *f);        /* orders and updates */
void walk_unknown_ids(struct fsck *f); /* what is in the queue and is no job */
void walk_index(struct fsck *f);
void walk_ledger(struct fsck *f); /* entries without an order, orders with the same key */

/* ---- for the walks themselves (walk.c) ------------------------------------------------------- */

#define WALK_PAGE 1000 /* ids of a list read at once: Redis serves others in between */

/* Takes one page of a scan: keys; of a sorted set members and scores in turn. May come with no
 * items, and what it tells may come again. The items are freed when it returns. */
typedef void (*walk_page_fn)(struct fsck *f, const struct redisReply *items);
void walk_keys(struct fsck *f, enum scan_kind kind, walk_page_fn on_page);
void walk_queue_set(struct fsck *f, enum queue_kind kind, walk_page_fn on_page);
void walk_index_set(struct fsck *f, walk_page_fn on_page);

/* Those of a page's keys that are of this kind, borrowed from it; the caller frees the array. */
const char **walk_select(const struct redisReply *keys, enum key_kind kind, size_t *ret_n);
/* An item of a page, "" where it is no text. */
const char *walk_item(const struct redisReply *items, size_t i);

/* The ledger's part of walk_side_tables(): notes the entries among a page of keys. */
void walk_ledger_page(struct fsck *f, const struct redisReply *keys);

/* Adds the error that Redis gave last as a finding of this key: it is of another type. */
void walk_report_type(struct fsck *f, const char *key);
/* Reads one job's snapshot and adds what is wrong with it. */
void walk_recheck(struct fsck *f, const char *id);

#endif
