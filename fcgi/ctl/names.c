#include "ctl/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int names_contain(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return 1;
    return 0;
}

void names_add(struct names *names, const char *name)
{
    if (names_contain(names, name))
        return;
    if (names->n == names->capacity) {
        names->capacity = names->capacity ? 2 * names->capacity : 16;
        names->items = mem_realloc(names->items, names->capacity * sizeof *names->items);
    }
    names->items[names->n++] = mem_strdup(name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *names)
{
    if (names->n > 1)
        qsort(names->items, names->n, sizeof *names->items, by_name);
}

void names_release(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

struct id_list names_ids(const struct names *names)
{
    return (struct id_list){(const char *const *)names->items, names->n};
}
