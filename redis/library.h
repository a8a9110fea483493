/* Libraries of Redis functions, as FUNCTION LOAD takes them, and where each line of them comes
 * from.
 *
 * A file NAME.lua is a library as it stands. A folder NAME/ is one library in parts: its files
 * NN-subject.lua, NN from 01 to 99, joined in that order into one Lua chunk. So a local of one part
 * is known to all that follow. The lines are laid out so that the number in an error of Redis, such
 * as "user_function:3042:", names part and line (part 03, line 42):
 *
 *     line 1              #!lua name=NAME, from the folder's name; no part has it
 *     line 1000 * NN + L  line L of part NN, at most 999 of them
 *
 * What is between is empty. */
#ifndef TIFFIN_REDIS_LIBRARY_H
#define TIFFIN_REDIS_LIBRARY_H

#include <stddef.h>

#include "base/buf.h"

enum {
    LIBRARY_MAX_PARTS = 99,
    LIBRARY_PART_LINES = 1000, /* from one part's first line to the next one's */
    LIBRARIES_MAX = 32,
};

struct library {
    char *path;      /* its file or folder */
    char *name;      /* without folder and .lua */
    struct buf code; /* what FUNCTION LOAD takes */
    size_t n_lines;
    char *parts[LIBRARY_MAX_PARTS + 1]; /* file names, by number; NULL where there is none */
};

struct libraries {
    struct library items[LIBRARIES_MAX];
    size_t n;
};

/* Reads a file or a folder; dies on the first thing that is wrong. The caller library_release()s
 * it. */
void library_read(struct library *lib, const char *path);
void library_release(struct library *lib);

/* Reads all *.lua and all folders of a folder, by name; dies as above. */
void libraries_read(struct libraries *libs, const char *dir);
void libraries_release(struct libraries *libs);

/* ---- what library_read() is made of ---------------------------------------------------------- */

/* An empty library in parts. */
void library_init(struct library *lib, const char *path);
/* Appends a part; numbers must rise. NULL; else what is wrong with it, to be put behind its name,
 * and nothing was added. The text is not kept. */
const char *library_add(struct library *lib, const char *file_name, const char *text);

/* What Redis says about the library, with "FILE:LINE" in the place of each line number ("line N"
 * and "user_function:N"). The caller frees it. */
char *library_explain(const struct library *lib, const char *message);

#endif
