/* JSON out: small helpers around json-c, which writes all of it. The object owns what is added. A
 * text must be UTF-8 and is copied. */
#ifndef TIFFIN_BASE_JSON_BUILD_H
#define TIFFIN_BASE_JSON_BUILD_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

/* A new string value, for the caller to own; NULL becomes null. */
struct json_object *json_text(const char *text);

void json_add_text(struct json_object *object, const char *name, const char *text);
/* Left out when it is "". */
void json_add_text_if_any(struct json_object *object, const char *name, const char *text);
void json_add_int(struct json_object *object, const char *name, int64_t number);
void json_add_bool(struct json_object *object, const char *name, int is_true);

/* The text on one line, slashes as they are: it lives until the value is changed, written again or
 * put. ret_n: its bytes, unless NULL. */
const char *json_write(struct json_object *value, size_t *ret_n);

#endif
