/* Small things done to C strings, with their errors. */
#ifndef TIFFIN_BASE_TEXT_H
#define TIFFIN_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Copies a string with its NUL. 0, or -ENAMETOOLONG and out untouched when it does not fit. */
int text_copy(char *out, size_t size, const char *text);

/* A whole number in decimal, nothing before or after it. 0, or -EPROTO (NULL, empty, other
 * characters, out of range) and *ret untouched. */
int text_to_int(const char *text, int64_t *ret);

/* The same, but `fallback` for what is not a number. */
int64_t text_to_int_or(const char *text, int64_t fallback);

#define TEXT_NUMBER_SIZE 24 /* a 64-bit integer and its NUL */
struct text_number {
    char text[TEXT_NUMBER_SIZE];
};

/* A whole number in decimal, to be used as text_of_number(n).text until the statement ends. */
struct text_number text_of_number(int64_t n);

/* [A-Za-z0-9_-]{min,max}: the form of ids. */
int text_is_token(const char *text, size_t min, size_t max);

/* The form of a key under which something is said or done once, however often it is repeated: 16 to
 * 128 characters of a token. */
int text_is_key(const char *text);

/* FNV-1a, 32 bits (G. Fowler, L. C. Noll, K.-P. Vo; draft-eastlake-fnv): for tables whose keys
 * no peer can choose so that they collide. */
uint32_t text_hash(const char *text);

#endif
