/* The live monitor of this process: started and stopped by main. */
#ifndef TIFFIN_API_MONITOR_H
#define TIFFIN_API_MONITOR_H

struct ev_loop;

void monitor_start(struct ev_loop *loop);
void monitor_stop(void);

#endif
