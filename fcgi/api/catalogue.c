#include "api/catalogue.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base/json_build.h"
#include "base/rds.h"
#include "base/text.h"

int catalogue_id_is_valid(const char *id)
{
    return text_is_token(id, 1, 64);
}

struct json_object *catalogue_info(const struct redisReply *reply)
{
    const char *id = rds_str(rds_at(reply, 0));
    const char *rating = rds_str(rds_at(reply, 3));
    if (!id)
        return NULL;
    struct json_object *info = json_object_new_object();
    json_object_object_add(info, "id", json_object_new_string(id));
    json_object_object_add(info, "name", json_text(rds_str(rds_at(reply, 1))));
    json_object_object_add(info, "cuisine", json_text(rds_str(rds_at(reply, 2))));
    /* With its own text, or 4.7 would be written as 4.7000000000000002. */
    json_object_object_add(info, "rating",
                           rating ? json_object_new_double_s(strtod(rating, NULL), rating) : NULL);
    return info;
}

/* The JSON array in a text; NULL when there is none. */
static struct json_object *parse_list(const char *text)
{
    struct json_object *list = text ? json_tokener_parse(text) : NULL;
    if (json_object_is_type(list, json_type_array))
        return list;
    json_object_put(list);
    return NULL;
}

struct json_object *catalogue_menu(const struct redisReply *reply)
{
    struct json_object *items = parse_list(rds_str(rds_at(reply, 0)));
    if (!items)
        return NULL;
    struct json_object *names = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        json_object_array_add(names, json_object_get(json_object_object_get(item, "name")));
    }
    struct json_object *menu = json_object_new_object();
    json_object_object_add(menu, "menu", names);
    json_object_object_add(menu, "items", items);
    json_object_object_add(menu, "currency", json_text(rds_str(rds_at(reply, 1))));
    return menu;
}

struct json_object *catalogue_reviews(const struct redisReply *reply)
{
    struct json_object *list = parse_list(rds_str(rds_at(reply, 0)));
    if (!list)
        return NULL;
    struct json_object *reviews = json_object_new_object();
    json_object_object_add(reviews, "reviews", list);
    return reviews;
}
