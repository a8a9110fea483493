/* tiffin-worker --health: asks Redis whether a worker of this host lives. */
#ifndef TIFFIN_WORKER_HEALTH_H
#define TIFFIN_WORKER_HEALTH_H

#include <stddef.h>

/* A conf_health_fn: 0 when the heartbeat of a worker of this host, which in a container is the
 * container's own, is not older than TIFFIN_WORKER_TTL_MS. */
int health_of_worker(char *why, size_t size);

#endif
