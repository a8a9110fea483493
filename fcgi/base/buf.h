/* A growable byte buffer that cannot be created without a maximum, so that no peer can size our
 * memory. Bytes are at data[0..len); data is NUL-terminated after every successful call (the NUL
 * is not counted), so that text can be used as a C string.
 *
 *   struct buf b = BUF_INIT(65536);
 *   if (buf_add(&b, bytes, n)) ...            -EMSGSIZE: the maximum; nothing was added
 *   buf_release(&b);                          b can be used again
 *
 * Running out of memory ends the process: everything here is small and bounded. */
#ifndef TIFFIN_BASE_BUF_H
#define TIFFIN_BASE_BUF_H

#include <stddef.h>

struct buf {
    char *data; /* NULL while nothing was ever added */
    size_t len;
    size_t capacity;
    size_t max; /* bytes, without the NUL */
};

#define BUF_INIT(max_bytes) \
    { \
        .max = (max_bytes) \
    }

void buf_release(struct buf *b);

/* Both: 0, or -EMSGSIZE when the maximum would be passed; the buffer is then unchanged. */
int buf_add(struct buf *b, const void *bytes, size_t n);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

#endif
