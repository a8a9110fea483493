/* The JSON document of a command: --json prints it, and what people see is made from it
 * (output.h), so both always agree. Numbers and booleans are added by base/json_build.h. */
#ifndef TIFFIN_CTL_DOC_H
#define TIFFIN_CTL_DOC_H

#include <stdint.h>

#include "base/json_build.h"

struct json_object;

/* What is no UTF-8, or a control character, becomes '?': JSON must be UTF-8, whatever Redis holds.
 * NULL becomes null. */
void doc_add_text(struct json_object *object, const char *name, const char *text);
void doc_add_null(struct json_object *object, const char *name);
/* RFC 3339 of a time since the epoch; null when ms is 0 or less. */
void doc_add_time(struct json_object *object, const char *name, int64_t ms);
/* An empty one, which belongs to `object`. */
struct json_object *doc_add_object(struct json_object *object, const char *name);
struct json_object *doc_add_array(struct json_object *object, const char *name);

/* A member, borrowed; NULL when there is none, or null. */
struct json_object *doc_part(struct json_object *object, const char *name);
/* 0 when there is none. */
long long doc_int(struct json_object *object, const char *name);
int doc_is_true(struct json_object *object, const char *name);
/* Any value as text, borrowed: "-" when there is none, or null. */
const char *doc_text(struct json_object *object, const char *name);

#endif
