/* The one thing main tells status.c. */
#ifndef TIFFIN_API_STATUS_H
#define TIFFIN_API_STATUS_H

/* uptime_s counts from here. Called before the pool forks. */
void status_set_start(void);

#endif
