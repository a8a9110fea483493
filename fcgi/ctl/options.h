/* The command line of tiffin-ctl: the table of its commands, reading it, --help. Pure. */
#ifndef TIFFIN_CTL_OPTIONS_H
#define TIFFIN_CTL_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

enum command {
    COMMAND_STATUS,
    COMMAND_ORDER,
    COMMAND_JOBS,
    COMMAND_REQUEUE,
    COMMAND_DISCARD,
    COMMAND_SETTLE,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMAND_FSCK,
    COMMAND_COUNT /* none was given */
};

struct options {
    enum command command;
    const char *argument; /* an id or a place; NULL when the command has none */
    const char *reason;   /* requeue --all: of those whose reason holds this; NULL = of all */
    const char *money;    /* settle: "refunded" or "not_charged" */
    int is_json, is_help, is_version, is_repairing, is_all;
    int limit;
};

/* 0; -EINVAL and one line in `error` when this is not how it is used. */
int options_parse(struct options *ret, int argc, char **argv, char *error, size_t error_size);

/* Has the argument the form its command needs? 0, or -EINVAL and one line: not a mistake in the
 * usage, but an id that cannot exist. */
int options_check_argument(const struct options *o, char *error, size_t error_size);

/* Of one command; COMMAND_COUNT: of all. */
void options_print_help(FILE *out, enum command command);

#endif
