/* Strict JSON in (RFC 8259), by json-c: valid UTF-8, one value and nothing after it, a bounded
 * depth, no extensions. */
#ifndef TIFFIN_BASE_JSON_H
#define TIFFIN_BASE_JSON_H

#include <stddef.h>

struct json_object;

struct json_error {
    const char *what; /* a few words for people; static */
    size_t line;      /* from 1 */
};

/* Parses n bytes (a NUL among them is an error). 0 and *ret, which the caller puts (NULL for the
 * value null); or -EPROTO and *ret_error. Never keeps a pointer to the bytes. */
int json_parse(const char *bytes, size_t n, int depth_max, struct json_object **ret,
               struct json_error *ret_error);

#endif
