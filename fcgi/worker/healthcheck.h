/* tiffin-worker --health: asks Redis whether a worker of this host lives. */
#ifndef TIFFIN_WORKER_HEALTHCHECK_H
#define TIFFIN_WORKER_HEALTHCHECK_H

#include <stddef.h>

/* A conf_health_fn: 0 when the heartbeat of a worker of this host, which in a container is the
 * container's own, is not older than TIFFIN_WORKER_TTL_MS. */
int healthcheck_worker(char *why, size_t size);

#endif
