/* Restaurants and users, from their JSON files: read, and checked to the last field.
 *
 * The files are written by people, so a mistake must be found here, named by file, entry and field,
 * and not later by a function in Redis. Of a struct catalogue the tables of fields below are true:
 * every field is there and is of its kind, and there are no others. */
#ifndef TIFFIN_REDIS_CATALOGUE_H
#define TIFFIN_REDIS_CATALOGUE_H

#include <json-c/json.h>

/* What a field must be. */
enum kind {
    KIND_ID,
    KIND_NAME,
    KIND_RATING,
    KIND_CURRENCY,
    KIND_DATE,
    KIND_POINTS,
    KIND_PRICE,
    KIND_TEXTS,
    KIND_MENU,
};

struct field {
    const char *name; /* NULL ends a table */
    enum kind kind;
};

extern const struct field restaurant_fields[];
extern const struct field user_fields[];

struct catalogue {
    struct json_object *restaurants_root, *restaurants; /* the second lives in the first */
    struct json_object *users_root, *users;
};

/* Reads restaurants.json and users.json of a folder; dies on the first thing that is wrong. The
 * caller catalogue_release()s it. */
void catalogue_read(struct catalogue *c, const char *dir);

void catalogue_release(struct catalogue *c);

/* A field's text, valid as long as the object. */
const char *text_of(struct json_object *object, const char *field);

#endif
