/* A set of names: of workers. One of zeros is empty. Pure. */
#ifndef TIFFIN_CTL_NAMES_H
#define TIFFIN_CTL_NAMES_H

#include <stddef.h>

#include "order/commands.h"

struct names {
    char **items; /* owned */
    size_t n, capacity;
};

/* Copies it, unless it is in there already. */
void names_add(struct names *names, const char *name);
int names_contain(const struct names *names, const char *name);
void names_sort(struct names *names);
/* They are empty afterwards. */
void names_release(struct names *names);

/* As order/commands.h takes them; borrowed. */
struct id_list names_ids(const struct names *names);

#endif
