/* tiffin-load: gets an empty Redis ready, or brings one up to date.
 *
 *     read and check the files --> wait for Redis --> check how it is set up
 *         --> FUNCTION LOAD REPLACE each library of functions/ (library.h)
 *         --> write the catalogue, when there is none, as one MULTI
 *
 * It runs at every start of the stack, before the programs, signed in as admin. All files are read
 * and checked before Redis is touched, so a mistake in one leaves everything as it was. Two loaders
 * at once are fine: FUNCTION LOAD is atomic, and WATCH lets one of them write the catalogue.
 *
 * A short-lived tool, not a server: it calls Redis synchronously and ends with one clear line and
 * exit status 1 on the first thing that is wrong. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "redis/catalogue.h"
#include "redis/library.h"
#include "redis/loader.h"
#include "redis/session.h"
#include "redis/tool.h"

enum {
    DEFAULT_WAIT_S = 30,
    MAX_WAIT_S = 3600,
};

struct settings {
    char redis[MAX_PATH_BYTES];
    char secrets_dir[MAX_PATH_BYTES];
    char catalogue_dir[MAX_PATH_BYTES];
    char functions_dir[MAX_PATH_BYTES];
    const char *print; /* the name of a library; NULL: load */
    int wait_s;
    int is_replacing;
};

/* ------------------------------------------------------------------------- settings */

static void print_help(void)
{
    puts(
        "tiffin-load: loads Tiffin's functions and, where it is absent, its catalogue into Redis.\n"
        "\n"
        "  --catalogue DIR      restaurants.json and users.json (TIFFIN_REDIS_DIR/catalogue)\n"
        "  --functions DIR      the libraries, each a *.lua file or a folder of parts\n"
        "                       (TIFFIN_REDIS_DIR/functions)\n"
        "  --wait SECONDS       how long to wait for Redis (30)\n"
        "  --replace-catalogue  write the catalogue even where there is one. Restaurants that are\n"
        "                       no longer in the file go, users stay, orders are not touched\n"
        "  --print LIBRARY      print it as it would be loaded, and do no more. Line 3042 of an\n"
        "                       error in it (user_function:3042) is line 42 of part 03\n"
        "  --help, --version\n"
        "\n"
        "Settings from the environment:\n"
        "  TIFFIN_REDIS         path of a unix socket, host:port, or\n"
        "                       sentinel://NAME@host:port,host:port (TIFFIN_RUN_DIR/redis.sock)\n"
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
    s->print = NULL;
    s->is_replacing = 0;
}

static void settings_from_args(struct settings *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"catalogue", required_argument, NULL, 'c'},   {"functions", required_argument, NULL, 'f'},
        {"print", required_argument, NULL, 'p'},       {"wait", required_argument, NULL, 'w'},
        {"replace-catalogue", no_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},           {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            set_path(s->catalogue_dir, "%s", optarg);
        else if (option == 'f')
            set_path(s->functions_dir, "%s", optarg);
        else if (option == 'p')
            s->print = optarg;
        else if (option == 'w')
            s->wait_s = parse_seconds(optarg);
        else if (option == 'r')
            s->is_replacing = 1;
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

/* ------------------------------------------------------------------------- what it does */

static void print_library(const struct libraries *libraries, const char *name)
{
    for (size_t i = 0; i < libraries->n; i++)
        if (strcmp(libraries->items[i].name, name) == 0) {
            fputs(libraries->items[i].code.data, stdout);
            return;
        }
    die("there is no library %s", name);
}

static void load(const struct settings *s, const struct libraries *libraries)
{
    struct catalogue catalogue;
    catalogue_read(&catalogue, s->catalogue_dir);
    struct rds_sync *redis = session_open(s->redis, s->secrets_dir, s->wait_s);
    loader_check_redis(redis);
    loader_load_functions(redis, libraries);
    loader_load_catalogue(redis, &catalogue, s->is_replacing);
    rds_sync_close(redis);
    catalogue_release(&catalogue);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct libraries libraries;

    (void)signal(SIGPIPE, SIG_IGN);
    settings_from_env(&settings);
    settings_from_args(&settings, argc, argv);
    libraries_read(&libraries, settings.functions_dir);
    if (settings.print)
        print_library(&libraries, settings.print);
    else
        load(&settings, &libraries);
    libraries_release(&libraries);
    return 0;
}
