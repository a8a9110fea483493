/* tiffin-load: gets an empty Redis ready, or brings one up to date.
 *
 *     read and check the files --> wait for Redis --> check how it is set up
 *         --> FUNCTION LOAD REPLACE each functions/<name>.lua
 *         --> write the catalogue, when there is none, as one MULTI
 *
 * It runs at every start of the stack, before the programs, signed in as admin. All files are read
 * and checked before Redis is touched, so a mistake in one leaves everything as it was. Two loaders
 * at once are fine: FUNCTION LOAD is atomic, and WATCH lets one of them write the catalogue.
 *
 * A short-lived tool, not a server: it calls Redis synchronously and ends with one clear line and
 * exit status 1 on the first thing that is wrong. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rds.h"
#include "base/version.h"
#include "order/keys.h"
#include "redis/catalogue.h"
#include "redis/session.h"
#include "redis/tool.h"

/* When the catalogue was written; only the loader reads it. */
#define KEY_CATALOGUE "catalogue:" SHARD

enum {
    MAX_FUNCTION_FILES = 32,
    DEFAULT_WAIT_S = 30,
    MAX_WAIT_S = 3600,
};

struct settings {
    char redis[MAX_PATH_BYTES];
    char secrets_dir[MAX_PATH_BYTES];
    char catalogue_dir[MAX_PATH_BYTES];
    char functions_dir[MAX_PATH_BYTES];
    int wait_s;
    bool is_replacing;
};

struct functions {
    char *names[MAX_FUNCTION_FILES];
    struct text code[MAX_FUNCTION_FILES];
    size_t n;
};

/* ------------------------------------------------------------------------- settings */

static void print_help(void)
{
    puts(
        "tiffin-load: loads Tiffin's functions and, where it is absent, its catalogue into Redis.\n"
        "\n"
        "  --catalogue DIR      restaurants.json and users.json (TIFFIN_REDIS_DIR/catalogue)\n"
        "  --functions DIR      the *.lua libraries (TIFFIN_REDIS_DIR/functions)\n"
        "  --wait SECONDS       how long to wait for Redis (30)\n"
        "  --replace-catalogue  write the catalogue even where there is one. Restaurants that are\n"
        "                       no longer in the file go, users stay, orders are not touched\n"
        "  --help, --version\n"
        "\n"
        "Settings from the environment:\n"
        "  TIFFIN_REDIS         path of a unix socket, or host:port (TIFFIN_RUN_DIR/redis.sock)\n"
        "  TIFFIN_SECRETS_DIR   folder with the file `admin`, its password "
        "(TIFFIN_RUN_DIR/secrets)\n"
        "  TIFFIN_RUN_DIR       the stack's folder (.run)\n"
        "  TIFFIN_REDIS_DIR     folder of catalogue and functions (redis)");
}

static int parse_seconds(const char *text)
{
    char *end;
    errno = 0;
    long seconds = strtol(text, &end, 10);
    if (errno || end == text || *end || seconds < 0 || seconds > MAX_WAIT_S)
        die("--wait must be a number of seconds from 0 to %d, not %s", MAX_WAIT_S, text);
    return (int)seconds;
}

static void settings_from_env(struct settings *s)
{
    const char *run_dir = env_or("TIFFIN_RUN_DIR", ".run");
    const char *redis_dir = env_or("TIFFIN_REDIS_DIR", "redis");
    char path[MAX_PATH_BYTES];

    set_path(path, "%s/redis.sock", run_dir);
    set_path(s->redis, "%s", env_or("TIFFIN_REDIS", path));
    set_path(path, "%s/secrets", run_dir);
    set_path(s->secrets_dir, "%s", env_or("TIFFIN_SECRETS_DIR", path));
    set_path(s->catalogue_dir, "%s/catalogue", redis_dir);
    set_path(s->functions_dir, "%s/functions", redis_dir);
    s->wait_s = DEFAULT_WAIT_S;
    s->is_replacing = false;
}

static void settings_from_args(struct settings *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"catalogue", required_argument, NULL, 'c'},
        {"functions", required_argument, NULL, 'f'},
        {"wait", required_argument, NULL, 'w'},
        {"replace-catalogue", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            set_path(s->catalogue_dir, "%s", optarg);
        else if (option == 'f')
            set_path(s->functions_dir, "%s", optarg);
        else if (option == 'w')
            s->wait_s = parse_seconds(optarg);
        else if (option == 'r')
            s->is_replacing = true;
        else if (option == 'h')
            print_help();
        else if (option == 'v')
            puts("tiffin-load " TIFFIN_VERSION);
        else
            die("unknown option or missing value: %s (see --help)", argv[optind - 1]);
        if (option == 'h' || option == 'v')
            exit(0);
    }
    if (optind < argc)
        die("unexpected argument: %s (see --help)", argv[optind]);
}

/* ------------------------------------------------------------------------- the functions' files */

static int is_lua(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".lua") == 0;
}

static void functions_read(struct functions *f, const char *dir)
{
    struct dirent **entries;
    char path[MAX_PATH_BYTES];
    int n = scandir(dir, &entries, is_lua, alphasort);
    if (n < 0)
        die("cannot read the folder %s: %s", dir, strerror(errno));
    if (n == 0 || n > MAX_FUNCTION_FILES)
        die("%s must hold 1 to %d *.lua files, it has %d", dir, MAX_FUNCTION_FILES, n);
    for (int i = 0; i < n; i++) {
        set_path(path, "%s/%s", dir, entries[i]->d_name);
        f->names[i] = mem_strdup(path);
        f->code[i] = read_file(path);
        free(entries[i]);
    }
    free(entries);
    f->n = (size_t)n;
}

static void functions_release(struct functions *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->names[i]);
        free(f->code[i].bytes);
    }
}

/* ------------------------------------------------------------------------- what it does there */

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

static void load_functions(struct rds_sync *redis, const struct functions *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct redisReply *reply =
            session_ask(redis, f->names[i], "FUNCTION", "LOAD", "REPLACE", f->code[i].bytes);
        printf("tiffin-load: functions of %s loaded\n", rds_str(reply));
        rds_sync_free(reply);
    }
}

/* Adds each of these fields with its value; lists become JSON. */
static void add_fields(struct rds_args *cmd, struct json_object *object, const struct field *fields)
{
    for (const struct field *f = fields; f->name; f++) {
        struct json_object *value = json_object_object_get(object, f->name);
        rds_arg(cmd, "%s", f->name);
        if (json_object_is_type(value, json_type_array))
            rds_arg(cmd, "%s",
                    json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
        else
            rds_arg(cmd, "%s", json_object_get_string(value));
    }
}

/* Queues HSET of a whole restaurant. Each price stands in a field of its own too: place reads the
 * one it needs without parsing the menu. */
static void queue_restaurant(struct rds_sync *redis, struct json_object *restaurant)
{
    struct rds_args cmd = RDS_ARGS_INIT;
    struct json_object *menu = json_object_object_get(restaurant, "menu");
    rds_arg(&cmd, "HSET");
    rds_arg(&cmd, KEY_RESTAURANT_PREFIX "%s", text_of(restaurant, "id"));
    add_fields(&cmd, restaurant, restaurant_fields);
    for (size_t i = 0; i < json_object_array_length(menu); i++) {
        struct json_object *item = json_object_array_get_idx(menu, i);
        rds_arg(&cmd, "price:%s", text_of(item, "name"));
        rds_arg(&cmd, "%s", text_of(item, "price_cents"));
    }
    session_do(redis, &cmd, "writing a restaurant");
}

static void queue_user(struct rds_sync *redis, struct json_object *user)
{
    struct rds_args cmd = RDS_ARGS_INIT;
    rds_arg(&cmd, "HSET");
    rds_arg(&cmd, KEY_USER_PREFIX "%s", text_of(user, "id"));
    add_fields(&cmd, user, user_fields);
    session_do(redis, &cmd, "writing a user");
}

/* DEL of all that is written anew, and of the restaurants there are now. */
static void make_delete(struct rds_sync *redis, const struct catalogue *c, struct rds_args *ret_cmd)
{
    struct redisReply *old = session_ask(redis, "reading the restaurants there are", "LRANGE",
                                         KEY_RESTAURANTS, "0", "-1");
    rds_arg(ret_cmd, "DEL");
    rds_arg(ret_cmd, KEY_RESTAURANTS);
    for (size_t i = 0; i < rds_len(old); i++)
        rds_arg(ret_cmd, KEY_RESTAURANT_PREFIX "%s", rds_str(rds_at(old, i)));
    rds_sync_free(old);
    for (size_t i = 0; i < json_object_array_length(c->restaurants); i++)
        rds_arg(ret_cmd, KEY_RESTAURANT_PREFIX "%s",
                text_of(json_object_array_get_idx(c->restaurants, i), "id"));
    for (size_t i = 0; i < json_object_array_length(c->users); i++)
        rds_arg(ret_cmd, KEY_USER_PREFIX "%s",
                text_of(json_object_array_get_idx(c->users, i), "id"));
}

static void queue_catalogue(struct rds_sync *redis, const struct catalogue *c,
                            struct rds_args *delete)
{
    struct rds_args list = RDS_ARGS_INIT;
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;

    session_do(redis, delete, "deleting the old catalogue");
    rds_arg(&list, "RPUSH");
    rds_arg(&list, KEY_RESTAURANTS);
    for (size_t i = 0; i < json_object_array_length(c->restaurants); i++) {
        struct json_object *restaurant = json_object_array_get_idx(c->restaurants, i);
        rds_arg(&list, "%s", text_of(restaurant, "id"));
        queue_restaurant(redis, restaurant);
    }
    session_do(redis, &list, "writing the list of restaurants");
    for (size_t i = 0; i < json_object_array_length(c->users); i++)
        queue_user(redis, json_object_array_get_idx(c->users, i));
    (void)strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    rds_sync_free(session_ask(redis, "marking the catalogue as loaded", "SET", KEY_CATALOGUE, now));
}

/* EXEC: false when another loader was faster (WATCH); dies when a command of ours failed. */
static bool execute(struct rds_sync *redis)
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

static bool has_catalogue(struct rds_sync *redis)
{
    static const char WHAT[] = "looking for a catalogue";
    int64_t n = 0;
    rds_sync_free(session_ask(redis, WHAT, "WATCH", KEY_CATALOGUE));
    struct redisReply *reply = session_ask(redis, WHAT, "EXISTS", KEY_CATALOGUE);
    bool is_there = rds_int(reply, &n) == 0 && n == 1;
    rds_sync_free(reply);
    return is_there;
}

static void load_catalogue(struct rds_sync *redis, const struct catalogue *c, bool is_replacing)
{
    struct rds_args delete = RDS_ARGS_INIT;

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

int main(int argc, char **argv)
{
    struct settings settings;
    struct catalogue catalogue;
    struct functions functions = {.n = 0};

    (void)signal(SIGPIPE, SIG_IGN);
    settings_from_env(&settings);
    settings_from_args(&settings, argc, argv);
    catalogue_read(&catalogue, settings.catalogue_dir);
    functions_read(&functions, settings.functions_dir);

    struct rds_sync *redis = session_open(settings.redis, settings.secrets_dir, settings.wait_s);
    require_config(redis, "maxmemory-policy", "noeviction", "else it would forget orders");
    require_config(redis, "appendonly", "yes", "else a restart would lose orders");
    require_replay(redis);
    load_functions(redis, &functions);
    load_catalogue(redis, &catalogue, settings.is_replacing);

    rds_sync_close(redis);
    functions_release(&functions);
    catalogue_release(&catalogue);
    return 0;
}
