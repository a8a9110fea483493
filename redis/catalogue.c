#include "redis/catalogue.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "redis/tool.h"

enum {
    MAX_JSON_DEPTH = 6,
    MAX_ID_BYTES = 32,
    MAX_NAME_BYTES = 40, /* names stand inside each order, which stays under 1 KB */
    MAX_TEXT_BYTES = 500,
    MAX_LIST_ENTRIES = 100,
    MAX_PRICE_CENTS = 1000000,
};

const struct field restaurant_fields[] = {
    {"id", KIND_ID},         {"name", KIND_NAME}, {"cuisine", KIND_NAME},
    {"rating", KIND_RATING}, {"menu", KIND_MENU}, {"currency", KIND_CURRENCY},
    {"reviews", KIND_TEXTS}, {NULL, KIND_ID},
};

static const struct field item_fields[] = {
    {"name", KIND_NAME},
    {"price_cents", KIND_PRICE},
    {NULL, KIND_ID},
};

const struct field user_fields[] = {
    {"id", KIND_ID},
    {"name", KIND_NAME},
    {"city", KIND_NAME},
    {"member_since", KIND_DATE},
    {"loyalty_points", KIND_POINTS},
    {"favourite", KIND_ID},
    {"notifications", KIND_TEXTS},
    {NULL, KIND_ID},
};

/* Where in the files we are, for messages: restaurants.json: restaurants[2] (resto_125): ... */
struct entry {
    const char *file;
    const char *list;
    size_t index;
    const char *id;
};

__attribute__((noreturn)) static void reject(const struct entry *e, const char *field,
                                             const char *must)
{
    die("%s: %s[%zu]%s%s%s: %s %s", e->file, e->list, e->index, e->id ? " (" : "",
        e->id ? e->id : "", e->id ? ")" : "", field, must);
}

static bool is_int_within(struct json_object *value, int64_t min, int64_t max)
{
    int64_t number = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) && number >= min && number <= max;
}

static bool is_id(struct json_object *value)
{
    const char *text = json_object_get_string(value);
    size_t len = (size_t)json_object_get_string_len(value);
    return json_object_is_type(value, json_type_string) && len >= 1 && len <= MAX_ID_BYTES &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* Text of 1..max bytes without control characters (C0, DEL, C1); json-c has checked the UTF-8. */
static bool is_text(struct json_object *value, size_t max)
{
    if (!json_object_is_type(value, json_type_string))
        return false;
    const unsigned char *text = (const unsigned char *)json_object_get_string(value);
    size_t len = (size_t)json_object_get_string_len(value);
    if (len < 1 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] == 0x7f || (text[i] == 0xc2 && text[i + 1] < 0xa0))
            return false;
    return true;
}

static bool is_rating(struct json_object *value)
{
    double rating = json_object_get_double(value);
    return (json_object_is_type(value, json_type_double) ||
            json_object_is_type(value, json_type_int)) &&
           rating >= 0 && rating <= 5;
}

static bool is_currency(struct json_object *value)
{
    const char *text = json_object_get_string(value);
    return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 3 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static bool is_date(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) != 10)
        return false;
    const char *text = json_object_get_string(value);
    for (int i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    long month = strtol(text + 5, NULL, 10), day = strtol(text + 8, NULL, 10);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool is_list(struct json_object *value)
{
    return json_object_is_type(value, json_type_array) && json_object_array_length(value) >= 1 &&
           json_object_array_length(value) <= MAX_LIST_ENTRIES;
}

static bool is_list_of_texts(struct json_object *value)
{
    if (!is_list(value))
        return false;
    for (size_t i = 0; i < json_object_array_length(value); i++)
        if (!is_text(json_object_array_get_idx(value, i), MAX_TEXT_BYTES))
            return false;
    return true;
}

/* What the value must be and is not; NULL when it is. The entries of a menu are checked apart. */
static const char *complaint(enum kind kind, struct json_object *value)
{
    switch (kind) {
    case KIND_ID:
        return is_id(value) ? NULL : "must be 1 to 32 of A-Z a-z 0-9 _ -";
    case KIND_NAME:
        return is_text(value, MAX_NAME_BYTES)
                   ? NULL
                   : "must be a text of 1 to 40 bytes without control characters";
    case KIND_RATING:
        return is_rating(value) ? NULL : "must be a number from 0 to 5";
    case KIND_CURRENCY:
        return is_currency(value) ? NULL : "must be three capital letters";
    case KIND_DATE:
        return is_date(value) ? NULL : "must be a date such as 2024-05-09";
    case KIND_POINTS:
        return is_int_within(value, 0, INT32_MAX) ? NULL : "must be a whole number, not negative";
    case KIND_PRICE:
        return is_int_within(value, 1, MAX_PRICE_CENTS)
                   ? NULL
                   : "must be a whole number from 1 to 1000000";
    case KIND_TEXTS:
        return is_list_of_texts(value) ? NULL
                                       : "must be a list of 1 to 100 texts of 1 to 500 bytes each";
    case KIND_MENU:
        return is_list(value) ? NULL : "must be a list of 1 to 100 items";
    }
    return "is of an unknown kind";
}

/* The object must have exactly these fields, each of its kind. `prefix` stands before a field's
 * name in messages. */
static void check_fields(const struct entry *e, const char *prefix, struct json_object *object,
                         const struct field *fields)
{
    char name[128];
    struct json_object *value;
    size_t n_fields = 0;

    if (!json_object_is_type(object, json_type_object))
        reject(e, *prefix ? prefix : "the entry", "must be an object");
    for (const struct field *f = fields; f->name; f++, n_fields++) {
        (void)snprintf(name, sizeof name, "%s%s", prefix, f->name);
        if (!json_object_object_get_ex(object, f->name, &value))
            reject(e, name, "is missing");
        const char *must = complaint(f->kind, value);
        if (must)
            reject(e, name, must);
    }
    json_object_object_foreach(object, key, unused)
    {
        const struct field *f = fields;
        (void)unused;
        while (f->name && strcmp(f->name, key) != 0)
            f++;
        (void)snprintf(name, sizeof name, "%s%s", prefix, key);
        if (!f->name)
            reject(e, name, "is not a field we know");
    }
}

const char *text_of(struct json_object *object, const char *field)
{
    return json_object_get_string(json_object_object_get(object, field));
}

/* The first entry before `end` whose field has this text; `end` when there is none. */
static size_t find_text(struct json_object *list, size_t end, const char *field, const char *text)
{
    for (size_t i = 0; i < end; i++)
        if (strcmp(text_of(json_object_array_get_idx(list, i), field), text) == 0)
            return i;
    return end;
}

static void check_menu(const struct entry *e, struct json_object *menu)
{
    char prefix[32];
    for (size_t i = 0; i < json_object_array_length(menu); i++) {
        struct json_object *item = json_object_array_get_idx(menu, i);
        (void)snprintf(prefix, sizeof prefix, "menu[%zu].", i);
        check_fields(e, prefix, item, item_fields);
        (void)snprintf(prefix, sizeof prefix, "menu[%zu].name", i);
        if (find_text(menu, i, "name", text_of(item, "name")) < i)
            reject(e, prefix, "is on the menu twice");
    }
}

/* Checks each entry of a list, and that its id is its own. */
static void check_list(const char *file, const char *name, struct json_object *list,
                       const struct field *fields)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *object = json_object_array_get_idx(list, i), *id = NULL;
        struct entry e = {file, name, i, NULL};
        if (json_object_is_type(object, json_type_object) &&
            json_object_object_get_ex(object, "id", &id) && is_id(id))
            e.id = json_object_get_string(id);
        check_fields(&e, "", object, fields);
        if (find_text(list, i, "id", text_of(object, "id")) < i)
            reject(&e, "id", "is used twice");
        if (fields == restaurant_fields)
            check_menu(&e, json_object_object_get(object, "menu"));
    }
}

static void check_favourites(const char *file, const struct catalogue *c)
{
    size_t n_restaurants = json_object_array_length(c->restaurants);
    for (size_t i = 0; i < json_object_array_length(c->users); i++) {
        struct json_object *user = json_object_array_get_idx(c->users, i);
        struct entry e = {file, "users", i, text_of(user, "id")};
        const char *favourite = text_of(user, "favourite");
        if (find_text(c->restaurants, n_restaurants, "id", favourite) == n_restaurants)
            reject(&e, "favourite", "is not a restaurant's id");
    }
}

#define EXCERPT_BEFORE 24
#define EXCERPT_AFTER 8

struct excerpt {
    char text[EXCERPT_BEFORE + EXCERPT_AFTER + 1];
};

/* What stands around a place, so that it can be found: a name and its value, mostly. */
static struct excerpt excerpt_at(const struct text *text, size_t offset)
{
    struct excerpt out = {""};
    size_t from = offset > EXCERPT_BEFORE ? offset - EXCERPT_BEFORE : 0;
    for (size_t i = from; i < text->len && i < offset + EXCERPT_AFTER; i++)
        out.text[i - from] = text->bytes[i] > ' ' && text->bytes[i] < 0x7f ? text->bytes[i] : ' ';
    return out;
}

static struct json_object *parse_json(const char *path)
{
    struct text text = read_file(path);
    struct json_object *root;
    struct json_error error;
    if (json_parse(text.bytes, text.len, MAX_JSON_DEPTH, &root, &error))
        die("%s: line %zu: %s, at: %s", path, error.line, error.what,
            excerpt_at(&text, error.offset).text);
    free(text.bytes);
    return root;
}

/* Parses a file that must be {"<name>": [...]} and checks its list. Returns the list, owned by
 * *ret_root. */
static struct json_object *read_list(const char *path, const char *name, const struct field *fields,
                                     struct json_object **ret_root)
{
    struct json_object *root = parse_json(path), *list;
    if (!json_object_is_type(root, json_type_object) || json_object_object_length(root) != 1 ||
        !json_object_object_get_ex(root, name, &list) || !is_list(list))
        die("%s: must be an object with one list of 1 to %d entries, \"%s\"", path,
            MAX_LIST_ENTRIES, name);
    check_list(path, name, list, fields);
    *ret_root = root;
    return list;
}

void catalogue_read(struct catalogue *c, const char *dir)
{
    char path[MAX_PATH_BYTES];
    set_path(path, "%s/restaurants.json", dir);
    c->restaurants = read_list(path, "restaurants", restaurant_fields, &c->restaurants_root);
    set_path(path, "%s/users.json", dir);
    c->users = read_list(path, "users", user_fields, &c->users_root);
    check_favourites(path, c);
}

void catalogue_release(struct catalogue *c)
{
    (void)json_object_put(c->restaurants_root);
    (void)json_object_put(c->users_root);
}
