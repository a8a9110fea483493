#include "redis/loader.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/rds.h"
#include "order/keys.h"
#include "redis/session.h"
#include "redis/tool.h"

/* When the catalogue was written; only the loader reads it. */
#define KEY_CATALOGUE "catalogue:" SHARD

/* ---- how Redis is set up -----------------------------------------------------------------------
 */

static void require_config(struct rds_sync *redis, const char *name, const char *value,
                           const char *because)
{
    struct redisReply *reply =
        session_ask(redis, "reading Redis' configuration", "CONFIG", "GET", name);
    const char *found = rds_field(reply, name);
    if (!found || strcmp(found, value) != 0)
        die("Redis has %s %s, it must be %s: %s", name, found ? found : "unknown", value, because);
    rds_sync_free(reply);
}

/* Redis replays its AOF as the user default and checks that user's rights at each EXEC. Without
 * them a restart would skip every function's writes and go on as if nothing were missing. */
static void require_replay(struct rds_sync *redis)
{
    struct redisReply *reply = session_ask(redis, "asking for the rights of Redis' user default",
                                           "ACL", "DRYRUN", "default", "SET", KEY_CATALOGUE, "x");
    const char *answer = rds_str(reply); /* OK, or which right is missing */
    if (!answer || strcmp(answer, "OK") != 0)
        die("Redis' user default has no rights, so a restart would lose orders: "
            "it must be \"off ~* &* +@all\", as in redis/users.acl");
    rds_sync_free(reply);
}

void loader_check_redis(struct rds_sync *redis)
{
    require_config(redis, "maxmemory-policy", "noeviction", "else it would forget orders");
    require_config(redis, "appendonly", "yes", "else a restart would lose orders");
    require_replay(redis);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void load_library(struct rds_sync *redis, const struct library *library)
{
    struct redisReply *reply =
        rds_sync_ask(redis, "FUNCTION", "LOAD", "REPLACE", library->code.data);
    if (!reply && !rds_sync_is_lost(redis))
        die("%s: %s", library->path, library_explain(library, rds_sync_error(redis)));
    if (!reply)
        die("%s: lost Redis: %s", library->path, rds_sync_error(redis));
    printf("tiffin-load: functions of %s loaded\n", rds_str(reply));
    rds_sync_free(reply);
}

void loader_load_functions(struct rds_sync *redis, const struct libraries *libraries)
{
    for (size_t i = 0; i < libraries->n; i++)
        load_library(redis, &libraries->items[i]);
}

/* ---- catalogue ------------------------------------------------------------------------------- */

/* Adds each of these fields with its value; lists become JSON. */
static void add_fields(struct redis_command *cmd, struct json_object *object,
                       const struct field *fields)
{
    for (const struct field *f = fields; f->name; f++) {
        struct json_object *value = json_object_object_get(object, f->name);
        command_add(cmd, f->name);
        if (json_object_is_type(value, json_type_array))
            command_add(cmd, json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        else
            command_add(cmd, json_object_get_string(value));
    }
}

/* Queues HSET of a whole restaurant. Each price stands in a field of its own too: place reads the
 * one it needs without parsing the menu. */
static void queue_restaurant(struct rds_sync *redis, struct json_object *restaurant)
{
    struct redis_command cmd;
    struct json_object *menu = json_object_object_get(restaurant, "menu");
    command_begin(&cmd, "HSET");
    command_join(&cmd, KEY_RESTAURANT_PREFIX, text_of(restaurant, "id"));
    add_fields(&cmd, restaurant, restaurant_fields);
    for (size_t i = 0; i < json_object_array_length(menu); i++) {
        struct json_object *item = json_object_array_get_idx(menu, i);
        command_join(&cmd, "price:", text_of(item, "name"));
        command_add(&cmd, text_of(item, "price_cents"));
    }
    session_do(redis, &cmd, "writing a restaurant");
}

static void queue_user(struct rds_sync *redis, struct json_object *user)
{
    struct redis_command cmd;
    command_begin(&cmd, "HSET");
    command_join(&cmd, KEY_USER_PREFIX, text_of(user, "id"));
    add_fields(&cmd, user, user_fields);
    session_do(redis, &cmd, "writing a user");
}

/* DEL of all that is written anew, and of the restaurants there are now. */
static void make_delete(struct rds_sync *redis, const struct catalogue *c,
                        struct redis_command *ret_cmd)
{
    struct redisReply *old = session_ask(redis, "reading the restaurants there are", "LRANGE",
                                         KEY_RESTAURANTS, "0", "-1");
    command_begin(ret_cmd, "DEL");
    command_add(ret_cmd, KEY_RESTAURANTS);
    for (size_t i = 0; i < rds_len(old); i++)
        command_join(ret_cmd, KEY_RESTAURANT_PREFIX, rds_str(rds_at(old, i)));
    rds_sync_free(old);
    for (size_t i = 0; i < json_object_array_length(c->restaurants); i++)
        command_join(ret_cmd, KEY_RESTAURANT_PREFIX,
                     text_of(json_object_array_get_idx(c->restaurants, i), "id"));
    for (size_t i = 0; i < json_object_array_length(c->users); i++)
        command_join(ret_cmd, KEY_USER_PREFIX,
                     text_of(json_object_array_get_idx(c->users, i), "id"));
}

static void queue_catalogue(struct rds_sync *redis, const struct catalogue *c,
                            struct redis_command *delete)
{
    struct redis_command list;
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;

    session_do(redis, delete, "deleting the old catalogue");
    command_begin(&list, "RPUSH");
    command_add(&list, KEY_RESTAURANTS);
    for (size_t i = 0; i < json_object_array_length(c->restaurants); i++) {
        struct json_object *restaurant = json_object_array_get_idx(c->restaurants, i);
        command_add(&list, text_of(restaurant, "id"));
        queue_restaurant(redis, restaurant);
    }
    session_do(redis, &list, "writing the list of restaurants");
    for (size_t i = 0; i < json_object_array_length(c->users); i++)
        queue_user(redis, json_object_array_get_idx(c->users, i));
    (void)strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    rds_sync_free(session_ask(redis, "marking the catalogue as loaded", "SET", KEY_CATALOGUE, now));
}

/* EXEC: false when another loader was faster (WATCH); dies when a command of ours failed. */
static int execute(struct rds_sync *redis)
{
    struct redisReply *reply = session_ask(redis, "writing the catalogue", "EXEC");
    size_t n = rds_len(reply); /* 0: not executed */
    int64_t number;
    for (size_t i = 0; i < n; i++)
        if (!rds_str(rds_at(reply, i)) && rds_int(rds_at(reply, i), &number))
            die("writing the catalogue: Redis refused the command %zu of %zu", i + 1, n);
    rds_sync_free(reply);
    return n > 0;
}

static int has_catalogue(struct rds_sync *redis)
{
    static const char WHAT[] = "looking for a catalogue";
    int64_t n = 0;
    rds_sync_free(session_ask(redis, WHAT, "WATCH", KEY_CATALOGUE));
    struct redisReply *reply = session_ask(redis, WHAT, "EXISTS", KEY_CATALOGUE);
    int is_there = rds_int(reply, &n) == 0 && n == 1;
    rds_sync_free(reply);
    return is_there;
}

void loader_load_catalogue(struct rds_sync *redis, const struct catalogue *c, int is_replacing)
{
    struct redis_command delete;

    if (has_catalogue(redis) && !is_replacing) {
        puts("tiffin-load: there is a catalogue, it stays (--replace-catalogue writes it anew)");
        return;
    }
    make_delete(redis, c, &delete);
    rds_sync_free(session_ask(redis, "writing the catalogue", "MULTI"));
    queue_catalogue(redis, c, &delete);
    if (execute(redis))
        printf("tiffin-load: catalogue written: %zu restaurants, %zu users\n",
               json_object_array_length(c->restaurants), json_object_array_length(c->users));
    else
        puts("tiffin-load: another loader has just written the catalogue");
}
