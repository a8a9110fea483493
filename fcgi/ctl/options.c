#include "ctl/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "order/order.h"

#define DEFAULT_LIMIT 50
#define MAX_LIMIT 1000000

enum argument { ARG_NONE, ARG_ID, ARG_PLACE };

static const struct {
    const char *name, *usage, *summary, *help;
    enum argument argument;
} COMMANDS[COMMAND_COUNT] = {
    [COMMAND_STATUS] = {"status", "status", "orders, queue, workers and invariant at one look", "",
                        ARG_NONE},
    [COMMAND_ORDER] = {"order", "order <id>",
                       "everything about one order (or update), with its history",
                       "Where its job is, at which step, how often it was tried, and what the\n"
                       "payment gateway's ledger says.\n",
                       ARG_ID},
    [COMMAND_JOBS] = {"jobs", "jobs ready|active|delayed|dead [--limit N]",
                      "the jobs that stand there, the next one first",
                      "  --limit N  at most so many (50)\n", ARG_PLACE},
    [COMMAND_REQUEUE] = {"requeue", "requeue <id> | --all [--reason TEXT]",
                         "let a dead job go on at the step it had, with all its tries again",
                         "Dead jobs are orders with the status needs_review, or updates.\n"
                         "  --all          all of them\n"
                         "  --reason TEXT  ... whose reason (jobs dead) has TEXT in it\n"
                         "\n"
                         "An order whose payment is so old (80 days) that the gateway may have\n"
                         "forgotten it stays: see settle.\n",
                         ARG_ID},
    [COMMAND_DISCARD] =
        {"discard", "discard <id>", "give a dead job up",
         "An order is cancelled: what was paid, or may have been, is refunded (where\n"
         "the gateway may have forgotten it, see settle). An update is forgotten.\n",
         ARG_ID},
    [COMMAND_SETTLE] =
        {"settle", "settle <id> --refunded|--not-charged",
         "end a dead order by what a person found in the gateway's books",
         "For an order whose payment no program may ask the gateway about: it is\n"
         "older than the gateway remembers, or the gateway contradicts us. No money\n"
         "moves: look first, send back by hand what was taken, then say it here. The\n"
         "order is cancelled.\n"
         "  --refunded     the customer paid, and has the money back\n"
         "  --not-charged  the customer never paid\n",
         ARG_ID},
    [COMMAND_PAUSE] = {"pause", "pause", "workers take nothing new, and finish what they hold",
                       "Orders are still accepted, and wait.\n", ARG_NONE},
    [COMMAND_RESUME] = {"resume", "resume", "workers take jobs again", "", ARG_NONE},
    [COMMAND_FSCK] =
        {"fsck", "fsck [--repair]", "walk the whole store and check it",
         "Proves, while the system works:\n"
         "  place       each unsettled order and pending update stands in exactly one of\n"
         "              ready, one active list, delayed, dead; nothing else in any\n"
         "  dead        dead <=> needs_review\n"
         "  active_list active lists belong to registered workers\n"
         "  history     v1..vN are there and legal; the statuses are those of vN\n"
         "  step        the step fits the statuses\n"
         "  expiry      what is settled expires, nothing else does\n"
         "  index       it has every order and no other (expired ones for a day)\n"
         "  counters    placed - settled + updates = the queue; settled = its parts;\n"
         "              the orders found are not more than were counted. Fewer may be:\n"
         "              settled orders expire, and are told as placed less found\n"
         "  ledger      charged once, for what was delivered or paid; refunded once;\n"
         "              nothing captured that no order knows, unless that expired: an\n"
         "              entry is that old when its last charge is as long ago as settled\n"
         "              orders are kept (the workers' TIFFIN_RETENTION_DAYS)\n"
         "  idempotency, user_orders, id, library, type\n"
         "\n"
         "  --repair  does what is safe, by a Redis function that looks again: a lost job\n"
         "            goes back to ready, one of several places stays, expiry, index and\n"
         "            counters are set right. Money, history and statuses are only told.\n"
         "\n"
         "Exit status 0 when nothing is wrong, or all was repaired; else 3.\n",
         ARG_NONE},
};

/* Writes the line and returns -EINVAL. */
__attribute__((format(printf, 3, 4))) static int complain(char *error, size_t size,
                                                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return -EINVAL;
}

static enum command find_command(const char *name)
{
    enum command command = 0;
    while (command < COMMAND_COUNT && strcmp(COMMANDS[command].name, name) != 0)
        command++;
    return command;
}

static int parse_limit(const char *text, int *ret)
{
    char *end;
    errno = 0;
    long limit = strtol(text, &end, 10);
    if (errno || end == text || *end || limit < 1 || limit > MAX_LIMIT)
        return -EINVAL;
    *ret = (int)limit;
    return 0;
}

/* The command line, read word by word. */
struct words {
    char **argv;
    int argc, at;
};

/* The next word, as the value of the option before it; "" when that was the last. */
static const char *next_value(struct words *words)
{
    return words->at + 1 < words->argc ? words->argv[++words->at] : "";
}

/* The option that the words are at, and its value if that is the next word. */
static int parse_option(struct options *o, struct words *words, char *error, size_t size)
{
    static const char LIMIT[] = "--limit=", REASON[] = "--reason=";
    const char *option = words->argv[words->at], *limit = NULL;
    if (strcmp(option, "--json") == 0) {
        o->is_json = 1;
    } else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
        o->is_help = 1;
    } else if (strcmp(option, "--version") == 0) {
        o->is_version = 1;
    } else if (strcmp(option, "--repair") == 0) {
        o->is_repairing = 1;
    } else if (strcmp(option, "--all") == 0) {
        o->is_all = 1;
    } else if (strcmp(option, "--refunded") == 0 || strcmp(option, "--not-charged") == 0) {
        if (o->money)
            return complain(error, size, "--refunded or --not-charged, once");
        o->money = option[2] == 'r' ? "refunded" : "not_charged";
    } else if (strncmp(option, REASON, sizeof REASON - 1) == 0) {
        o->reason = option + sizeof REASON - 1;
    } else if (strcmp(option, "--reason") == 0) {
        o->reason = next_value(words);
    } else if (strncmp(option, LIMIT, sizeof LIMIT - 1) == 0) {
        limit = option + sizeof LIMIT - 1;
    } else if (strcmp(option, "--limit") == 0) {
        limit = next_value(words);
    } else {
        return complain(error, size, "unknown option %.60s", option);
    }
    if (limit && parse_limit(limit, &o->limit))
        return complain(error, size, "--limit must be a number from 1 to 1000000, not %.60s",
                        limit);
    return 0;
}

static int is_place(const char *word)
{
    return strcmp(word, "ready") == 0 || strcmp(word, "active") == 0 ||
           strcmp(word, "delayed") == 0 || strcmp(word, "dead") == 0;
}

/* The options of requeue and settle that say which, and what. */
static int check_which(const struct options *o, char *error, size_t size)
{
    const char *name = COMMANDS[o->command].name;
    if (o->is_all && o->command != COMMAND_REQUEUE)
        return complain(error, size, "%s has no --all", name);
    if (o->is_all && o->argument)
        return complain(error, size, "an id or --all, not both");
    if (o->reason && !o->is_all)
        return complain(error, size, "--reason goes with requeue --all");
    if (o->reason && !*o->reason)
        return complain(error, size, "--reason needs a text");
    if (o->money && o->command != COMMAND_SETTLE)
        return complain(error, size, "%s has no --refunded or --not-charged", name);
    if (o->command == COMMAND_SETTLE && !o->money)
        return complain(error, size, "usage: tiffin-ctl %s", COMMANDS[o->command].usage);
    return 0;
}

/* Do command, argument and options belong together? */
static int check_whole(const struct options *o, char *error, size_t size)
{
    if (o->is_help || o->is_version)
        return 0;
    if (o->command == COMMAND_COUNT)
        return complain(error, size, "which command?");
    enum argument wanted = COMMANDS[o->command].argument;
    if (check_which(o, error, size))
        return -EINVAL;
    if (wanted != ARG_NONE && !o->argument && !o->is_all)
        return complain(error, size, "usage: tiffin-ctl %s", COMMANDS[o->command].usage);
    if (wanted == ARG_PLACE && !is_place(o->argument))
        return complain(error, size, "jobs ready, active, delayed or dead, not %.60s", o->argument);
    if (o->is_repairing && o->command != COMMAND_FSCK)
        return complain(error, size, "%s has no --repair", COMMANDS[o->command].name);
    if (o->limit && o->command != COMMAND_JOBS)
        return complain(error, size, "%s has no --limit", COMMANDS[o->command].name);
    return 0;
}

int options_parse(struct options *ret, int argc, char **argv, char *error, size_t error_size)
{
    struct options o = {.command = COMMAND_COUNT};
    for (struct words words = {argv, argc, 1}; words.at < argc; words.at++) {
        char *word = argv[words.at];
        if (word[0] == '-' && word[1]) {
            if (parse_option(&o, &words, error, error_size))
                return -EINVAL;
        } else if (o.command == COMMAND_COUNT) {
            o.command = find_command(word);
            if (o.command == COMMAND_COUNT)
                return complain(error, error_size, "unknown command %.60s", word);
        } else if (COMMANDS[o.command].argument != ARG_NONE && !o.argument) {
            o.argument = word;
        } else {
            return complain(error, error_size, "unexpected %.60s", word);
        }
    }
    if (check_whole(&o, error, error_size))
        return -EINVAL;
    if (o.limit == 0)
        o.limit = DEFAULT_LIMIT;
    *ret = o;
    return 0;
}

int options_check_argument(const struct options *o, char *error, size_t error_size)
{
    if (o->command == COMMAND_COUNT || COMMANDS[o->command].argument != ARG_ID || o->is_all ||
        job_id_is_valid(o->argument))
        return 0;
    return complain(error, error_size, "%.100s is not the id of an order or update", o->argument);
}

static void print_options(FILE *out)
{
    fprintf(
        out,
        "\n"
        "  --json     one JSON document instead of tables\n"
        "  --help     this text, or with a command its own\n"
        "  --version\n"
        "\n"
        "Exit status: 0 done; 1 it could not (Redis is away, no such id, not dead ...); 2 wrong\n"
        "usage; 3 fsck found violations.\n");
}

void options_print_help(FILE *out, enum command command)
{
    if (command != COMMAND_COUNT) {
        fprintf(out, "tiffin-ctl %s\n%s.\n%s%s", COMMANDS[command].usage, COMMANDS[command].summary,
                *COMMANDS[command].help ? "\n" : "", COMMANDS[command].help);
        return;
    }
    fprintf(out, "tiffin-ctl " TIFFIN_VERSION
                 ": looks into a running Tiffin and puts things right.\n\n");
    for (enum command i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-16s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    print_options(out);
    fprintf(
        out,
        "\n"
        "It signs in to Redis (TIFFIN_REDIS) as admin, with the password in TIFFIN_SECRETS_DIR;\n"
        "both are below TIFFIN_RUN_DIR (.run) by default. It shows order ids whole: whoever has\n"
        "one may see and cancel that order, so mind where you paste them.\n");
}
