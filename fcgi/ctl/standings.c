/* Every id in the queue with the place where it stands, sorted, so that a job's places are found by
 * bisection. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/fsck.h"
#include "ctl/look.h"

void standings_add(struct standings *s, const char *id, enum at at)
{
    if (s->n == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 256;
        s->items = mem_realloc(s->items, s->capacity * sizeof *s->items);
    }
    s->items[s->n++] = (struct standing){.id = mem_strdup(id), .at = at};
}

static int by_id(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* ZSCAN may tell one member twice; a set holds it once. */
static int is_repeated(const struct standing *a, const struct standing *b)
{
    return (a->at == AT_DELAYED || a->at == AT_DEAD) && by_id(a, b) == 0;
}

void standings_sort(struct standings *s)
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
static size_t find(const struct standings *s, const char *id)
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

void standings_fill(struct standings *s, struct look *look)
{
    int *const TO[AT_COUNT] = {
        [AT_READY] = &look->n_ready,   [AT_ACTIVE] = &look->n_active,
        [AT_ASTRAY] = &look->n_astray, [AT_DELAYED] = &look->n_delayed,
        [AT_DEAD] = &look->n_dead,
    };
    for (size_t i = find(s, look->id); i < s->n && strcmp(s->items[i].id, look->id) == 0; i++) {
        s->items[i].is_known = 1;
        ++*TO[s->items[i].at];
    }
}

void standings_release(struct standings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].id);
    free(s->items);
    *s = (struct standings){0};
}
