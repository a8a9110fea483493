/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef TIFFIN_BASE_UTF8_H
#define TIFFIN_BASE_UTF8_H

#include <stddef.h>

/* The number of characters, or -1 when the bytes are not UTF-8. */
long utf8_length(const char *bytes, size_t n);

/* True when the text (valid UTF-8) has a control character: C0, DEL or C1. */
int utf8_has_control(const char *bytes, size_t n);

/* The same, but for the ASCII ones in `kept` (such as "\n\t"), which are fine. */
int utf8_has_control_but(const char *bytes, size_t n, const char *kept);

/* Copies the text (valid UTF-8) to `out`, which has room for n bytes, with a space in the place of
 * each such character; where no newline is kept, of U+2028 and U+2029 too, which separate lines.
 * Returns the bytes written. */
size_t utf8_blank_controls(const char *bytes, size_t n, const char *kept, char *out);

/* The same check as utf8_length() for text that comes in pieces, cut anywhere. All zero is the
 * beginning of a text.
 *
 *   struct utf8_stream s = {0};
 *   utf8_feed(&s, piece, n)      for each piece: -1 as soon as no continuation can mend it
 *   utf8_is_whole(&s)            at the end: does it end with a whole character? */
struct utf8_stream {
    unsigned char left;      /* bytes that the present character still needs */
    unsigned char low, high; /* the range of the next of them */
};

int utf8_feed(struct utf8_stream *s, const char *bytes, size_t n);
int utf8_is_whole(const struct utf8_stream *s);

#endif
