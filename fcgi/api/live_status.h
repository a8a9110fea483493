/* The live-status streams of this process: called by the tail, started and stopped by main. */
#ifndef TIFFIN_API_LIVE_STATUS_H
#define TIFFIN_API_LIVE_STATUS_H

struct ev_loop;
struct order_change;

void live_status_start(struct ev_loop *loop);
void live_status_stop(void);

/* A change of some order: handed to the streams that watch it. */
void live_status_on_event(const char *order_id, const struct order_change *change);
/* Events may have been missed: every stream reads its order again. */
void live_status_resync(void);
/* Is there any stream? */
int live_status_is_watched(void);

#endif
