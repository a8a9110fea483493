/* tiffin-api --health: asks each process of the running pool for /readyz, as nginx does. */
#ifndef TIFFIN_API_HEALTHCHECK_H
#define TIFFIN_API_HEALTHCHECK_H

#include <stddef.h>

/* A conf_health_fn: 0 when all of them are ready to take orders. */
int healthcheck_pool(char *why, size_t size);

#endif
