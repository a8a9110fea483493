/* fsck --repair. */
#ifndef TIFFIN_CTL_REPAIR_H
#define TIFFIN_CTL_REPAIR_H

struct fsck;

/* Does what is safe, checks again, and writes the findings' results. Money, history and statuses
 * are left to people. */
void repair_all(struct fsck *f);

#endif
