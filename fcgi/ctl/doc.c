#include "ctl/doc.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "ctl/output.h"

void doc_add_text(struct json_object *object, const char *name, const char *text)
{
    char *clean = text ? out_clean(text) : NULL;
    json_add_text(object, name, clean);
    free(clean);
}

void doc_add_null(struct json_object *object, const char *name)
{
    json_object_object_add(object, name, NULL);
}

void doc_add_time(struct json_object *object, const char *name, int64_t ms)
{
    char text[OUT_TIME_SIZE];
    if (ms <= 0) {
        doc_add_null(object, name);
        return;
    }
    out_time(ms, text);
    json_add_text(object, name, text);
}

struct json_object *doc_add_object(struct json_object *object, const char *name)
{
    struct json_object *child = json_object_new_object();
    json_object_object_add(object, name, child);
    return child;
}

struct json_object *doc_add_array(struct json_object *object, const char *name)
{
    struct json_object *child = json_object_new_array();
    json_object_object_add(object, name, child);
    return child;
}

struct json_object *doc_part(struct json_object *object, const char *name)
{
    return json_object_object_get(object, name);
}

long long doc_int(struct json_object *object, const char *name)
{
    return (long long)json_object_get_int64(doc_part(object, name));
}

int doc_is_true(struct json_object *object, const char *name)
{
    return json_object_get_boolean(doc_part(object, name));
}

const char *doc_text(struct json_object *object, const char *name)
{
    const char *text = json_object_get_string(doc_part(object, name));
    return text ? text : "-";
}
