/* Redis' memory as this process sees it: asked once a second, for the program's life. */
#ifndef TIFFIN_API_MEMORY_H
#define TIFFIN_API_MEMORY_H

#include "order/memory.h"

struct ev_loop;

/* Starts asking, through api.rds. Changes are logged, once each. */
void memory_watch_start(struct ev_loop *loop);
void memory_watch_stop(struct ev_loop *loop);

/* The latest figures; all zero until Redis has told them. */
struct memory memory_now(void);
/* Is so much used that new orders and updates are refused? */
int memory_is_full(void);

#endif
