#include "ctl/queue_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void queue_index_add(struct queue_index *index, const char *id, enum queue_place place)
{
    if (index->n == index->capacity) {
        index->capacity = index->capacity ? 2 * index->capacity : 256;
        index->items = mem_realloc(index->items, index->capacity * sizeof *index->items);
    }
    index->items[index->n++] = (struct queue_entry){.id = mem_strdup(id), .place = place};
}

static int by_id(const void *a, const void *b)
{
    const struct queue_entry *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* ZSCAN may tell one member twice; a set holds it once. */
static int is_repeated(const struct queue_entry *a, const struct queue_entry *b)
{
    return (a->place == AT_DELAYED || a->place == AT_DEAD) && by_id(a, b) == 0;
}

void queue_index_sort(struct queue_index *index)
{
    size_t kept = 0;
    if (index->n > 1)
        qsort(index->items, index->n, sizeof *index->items, by_id);
    memset(index->n_at, 0, sizeof index->n_at);
    for (size_t i = 0; i < index->n; i++) {
        if (kept > 0 && is_repeated(&index->items[kept - 1], &index->items[i])) {
            free(index->items[i].id);
            continue;
        }
        index->items[kept++] = index->items[i];
        index->n_at[index->items[kept - 1].place]++;
    }
    index->n = kept;
}

/* The first one that is not before the id. */
static size_t find(const struct queue_index *index, const char *id)
{
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->items[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void queue_index_fill(struct queue_index *index, struct job_snapshot *snapshot)
{
    for (size_t i = find(index, snapshot->id);
         i < index->n && strcmp(index->items[i].id, snapshot->id) == 0; i++) {
        index->items[i].is_known = 1;
        snapshot->n_at[index->items[i].place]++;
    }
}

void queue_index_release(struct queue_index *index)
{
    for (size_t i = 0; i < index->n; i++)
        free(index->items[i].id);
    free(index->items);
    *index = (struct queue_index){0};
}
