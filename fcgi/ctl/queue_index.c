/* Every id in the queue with the place where it stands, sorted, so that a job's places are found by
 * bisection. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/job_snapshot.h"

void queue_index_add(struct queue_index *s, const char *id, enum queue_place at)
{
    if (s->n == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 256;
        s->items = mem_realloc(s->items, s->capacity * sizeof *s->items);
    }
    s->items[s->n++] = (struct queue_entry){.id = mem_strdup(id), .at = at};
}

static int by_id(const void *a, const void *b)
{
    const struct queue_entry *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* ZSCAN may tell one member twice; a set holds it once. */
static int is_repeated(const struct queue_entry *a, const struct queue_entry *b)
{
    return (a->at == AT_DELAYED || a->at == AT_DEAD) && by_id(a, b) == 0;
}

void queue_index_sort(struct queue_index *s)
{
    size_t kept = 0;
    if (s->n > 1)
        qsort(s->items, s->n, sizeof *s->items, by_id);
    memset(s->n_at, 0, sizeof s->n_at);
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && is_repeated(&s->items[kept - 1], &s->items[i])) {
            free(s->items[i].id);
            continue;
        }
        s->items[kept++] = s->items[i];
        s->n_at[s->items[kept - 1].at]++;
    }
    s->n = kept;
}

/* The first one that is not before the id. */
static size_t find(const struct queue_index *s, const char *id)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->items[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void queue_index_fill(struct queue_index *s, struct job_snapshot *snapshot)
{
    int *const TO[AT_COUNT] = {
        [AT_READY] = &snapshot->n_ready,       [AT_ACTIVE] = &snapshot->n_active,
        [AT_ORPHANED] = &snapshot->n_orphaned, [AT_DELAYED] = &snapshot->n_delayed,
        [AT_DEAD] = &snapshot->n_dead,
    };
    for (size_t i = find(s, snapshot->id); i < s->n && strcmp(s->items[i].id, snapshot->id) == 0;
         i++) {
        s->items[i].is_known = 1;
        ++*TO[s->items[i].at];
    }
}

void queue_index_release(struct queue_index *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].id);
    free(s->items);
    *s = (struct queue_index){0};
}
