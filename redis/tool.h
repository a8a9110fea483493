/* What the files of tiffin-load share. A short-lived tool: whatever goes wrong ends it with one
 * clear line and exit status 1. */
#ifndef TIFFIN_REDIS_TOOL_H
#define TIFFIN_REDIS_TOOL_H

#include <stddef.h>

#include "base/die.h"

enum {
    MAX_PATH_BYTES = 4096,
    MAX_FILE_BYTES = 4 * 1024 * 1024,
};

struct text {
    char *bytes; /* NUL-terminated */
    size_t len;
};

#define die(...) die_as("tiffin-load", __VA_ARGS__)

/* Prints into the path; dies when it does not fit. */
void set_path(char path[MAX_PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The variable of the environment; `otherwise` when it is unset or empty. */
const char *env_or(const char *name, const char *otherwise);

/* Reads a whole file, of at most MAX_FILE_BYTES; dies when it cannot. The caller frees .bytes. */
struct text read_file(const char *path);

#endif
