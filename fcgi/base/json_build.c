#include "base/json_build.h"

#include <json-c/json.h>

struct json_object *json_text(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

void json_add_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_text(text));
}

void json_add_text_if_any(struct json_object *object, const char *name, const char *text)
{
    if (*text)
        json_add_text(object, name, text);
}

void json_add_int(struct json_object *object, const char *name, int64_t number)
{
    json_object_object_add(object, name, json_object_new_int64(number));
}

void json_add_bool(struct json_object *object, const char *name, int is_true)
{
    json_object_object_add(object, name, json_object_new_boolean(is_true));
}

const char *json_write(struct json_object *value, size_t *ret_n)
{
    size_t n;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    if (ret_n)
        *ret_n = n;
    return text;
}
