/* cmocka with what it wants included first, and little helpers that many tests share. */
#ifndef TIFFIN_TESTS_SUPPORT_TEST_H
#define TIFFIN_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* One whole file of the source tree, NUL-terminated; the caller frees it. Tests run at its top;
 * a file that cannot be read fails the test. */
char *read_source(const char *path);

/* The Redis functions of redis/functions/tiffin, as they are loaded; the caller frees them. */
char *read_functions(void);

/* Bytes that end at a page without access, so that reading one byte too many faults. No NUL
 * follows them. One lives at a time: the next call reuses the memory. */
char *guarded(const void *bytes, size_t n);
/* The same for a C string, NUL included: reading beyond the NUL faults. */
char *guarded_text(const char *text);

/* What a function prints; valid until the next call. */
const char *printed(void (*print)(FILE *));

#endif
