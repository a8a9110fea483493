#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_release(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->capacity = 0;
}

/* Makes room for n more bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t n)
{
    if (n > b->max - b->len)
        return -EMSGSIZE;
    size_t need = b->len + n + 1;
    if (need > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < need)
            capacity *= 2;
        b->data = mem_realloc(b->data, capacity);
        b->capacity = capacity;
    }
    return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t n)
{
    int err = buf_reserve(b, n);
    if (err)
        return err;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

int buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return -EINVAL;
    int err = buf_reserve(b, (size_t)n);
    if (err)
        return err;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
    return 0;
}

void buf_consume(struct buf *b, size_t n)
{
    if (!b->data)
        return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}
