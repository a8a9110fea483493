/* Strict JSON in (RFC 8259), as json-c's objects: valid UTF-8, one value and nothing after it, a
 * bounded depth, no extensions, and nothing that would become another value than was written. */
#ifndef TIFFIN_BASE_JSON_H
#define TIFFIN_BASE_JSON_H

#include <stddef.h>

#include "base/json_text.h"

struct json_object;

/* Parses n bytes (a NUL among them is an error). 0 and *ret, which the caller puts (NULL for the
 * value null); or -EPROTO and *ret_error. Never keeps a pointer to the bytes. */
int json_parse(const char *bytes, size_t n, int depth_max, struct json_object **ret,
               struct json_error *ret_error);

/* A JSON number with the digits that mean something: at most so many decimals (up to 9), none that
 * is a trailing zero. */
struct json_object *json_decimal(double value, int decimals);

#endif
