/* Every id in the queue with the place where it is, sorted, so that a job's places are found by
 * bisection. Pure. */
#ifndef TIFFIN_CTL_QUEUE_INDEX_H
#define TIFFIN_CTL_QUEUE_INDEX_H

#include <stddef.h>

#include "ctl/job_snapshot.h"

struct queue_entry {
    char *id;
    enum queue_place place;
    int is_known; /* a job of this id was met */
};

/* One of zeros is empty. */
struct queue_index {
    struct queue_entry *items; /* owned */
    size_t n, capacity;
    size_t n_at[AT_COUNT]; /* entries of each place, once sorted */
};

/* Copies the id. */
void queue_index_add(struct queue_index *index, const char *id, enum queue_place place);
/* After the last queue_index_add(), before the first queue_index_fill(). */
void queue_index_sort(struct queue_index *index);
/* Adds to the snapshot how often its id is in each place, and marks the id as known. */
void queue_index_fill(struct queue_index *index, struct job_snapshot *snapshot);
void queue_index_release(struct queue_index *index);

#endif
