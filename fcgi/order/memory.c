#include "order/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The number behind a field, or -1. */
static int64_t number(const char *info, const char *field)
{
    const char *at = strstr(info, field);
    char *end;
    if (!at)
        return -1;
    at += strlen(field);
    long long n = strtoll(at, &end, 10);
    return end == at || n < 0 ? -1 : n;
}

int memory_parse(const char *info, struct memory *ret)
{
    int64_t used = info ? number(info, "\nused_memory:") : -1;
    int64_t max = info ? number(info, "\nmaxmemory:") : -1;
    if (used < 0 || max < 0)
        return -EPROTO;
    *ret = (struct memory){used, max};
    return 0;
}

int memory_is_over(const struct memory *m, int per_cent)
{
    return m->max_bytes > 0 && m->used_bytes * 100 > m->max_bytes * per_cent;
}
