/*
 * tool.h - the small things of a short-lived program: it says what is wrong in one line and ends.
 * No server may use this: a peer's bytes must never end a process.
 */
#ifndef TIFFIN_REDIS_TOOL_H
#define TIFFIN_REDIS_TOOL_H

#include <stddef.h>

enum {
    MAX_PATH_BYTES = 4096,
    MAX_FILE_BYTES = 4 * 1024 * 1024,
};

struct text {
    char *bytes; /* NUL-terminated */
    size_t len;
};

/* Prints "tiffin-load: ..." on stderr and exits with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* Returns its argument; dies when it is NULL. */
void *must_alloc(void *memory);

/* Prints into the path; dies when it does not fit. */
__attribute__((format(printf, 2, 3))) void set_path(char path[MAX_PATH_BYTES], const char *format,
                                                    ...);

/* The variable of the environment; `otherwise` when it is unset or empty. */
const char *env_or(const char *name, const char *otherwise);

/* Reads a whole file; dies when it cannot. The caller frees .bytes. */
struct text read_file(const char *path);

#endif
