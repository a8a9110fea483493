/* Stats for one request, which may go away before they are there. */
#ifndef TIFFIN_API_STATS_REQUEST_H
#define TIFFIN_API_STATS_REQUEST_H

#include "api/stats.h"

struct req;

/* Calls fn once with the stats, or with NULL (at once when Redis is away). Uses r->context. */
void stats_for_request(struct req *r, void (*fn)(struct req *r, const struct stats *stats));

#endif
