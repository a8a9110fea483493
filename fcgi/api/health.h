/* tiffin-api --health: asks each process of the running pool for /readyz, as nginx does. */
#ifndef TIFFIN_API_HEALTH_H
#define TIFFIN_API_HEALTH_H

#include <stddef.h>

/* A conf_health_fn: 0 when all of them are ready to take orders. */
int health_of_pool(char *why, size_t size);

#endif
