#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *or_die(void *p, size_t n)
{
    if (!p && n) {
        log_error("out of memory (%zu bytes wanted)", n);
        abort();
    }
    return p;
}

void *mem_alloc(size_t n)
{
    return or_die(malloc(n), n);
}

void *mem_calloc(size_t count, size_t n)
{
    return or_die(calloc(count, n), count * n);
}

void *mem_realloc(void *p, size_t n)
{
    return or_die(realloc(p, n), n);
}

char *mem_strdup(const char *s)
{
    return or_die(strdup(s), strlen(s) + 1);
}

char *mem_strndup(const char *s, size_t n)
{
    return or_die(strndup(s, n), n + 1);
}

char *mem_printf(const char *format, ...)
{
    char *out = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&out, format, args);
    va_end(args);
    return or_die(n < 0 ? NULL : out, 1);
}
