/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef TIFFIN_BASE_UTF8_H
#define TIFFIN_BASE_UTF8_H

#include <stddef.h>

/* The number of characters, or -1 when the bytes are not UTF-8. */
long utf8_length(const char *bytes, size_t n);

/* True when the text (valid UTF-8) has a control character: C0, DEL or C1. */
int utf8_has_control(const char *bytes, size_t n);

#endif
