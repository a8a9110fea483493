/* Allocation that succeeds or ends the process with one line. For small things of a size we chose;
 * anything sized by a peer goes through struct buf, which has a maximum. */
#ifndef TIFFIN_BASE_MEM_H
#define TIFFIN_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n);                /* not cleared */
void *mem_calloc(size_t count, size_t n); /* cleared */
void *mem_realloc(void *p, size_t n);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
