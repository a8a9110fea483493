/* What tiffin-ctl prints: a command's document (doc.h) as JSON, or lines and tables for people. */
#ifndef TIFFIN_CTL_OUTPUT_H
#define TIFFIN_CTL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

/* Once, before anything is printed: makes widths of UTF-8 text known, colours for a terminal. */
void out_init(void);

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER, /* at the right */
    COLUMN_TIME,   /* RFC 3339, and how long ago */
    COLUMN_AGE,    /* only how long ago */
};

struct column {
    const char *title;
    const char *field; /* of a row */
    enum column_kind kind;
};

/* One line a row, columns aligned; "-" where a row has no such field, or null. */
void out_table(FILE *out, struct json_object *rows, const struct column columns[], size_t n,
               int64_t now_ms);

/* A label, aligned, and what is formatted. */
void out_line(FILE *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void out_json(FILE *out, struct json_object *document);

/* Text that cannot disturb a terminal: what is no UTF-8, or a control character, becomes '?'. The
 * caller frees it. */
char *out_clean(const char *text);
/* How many columns of a terminal it takes. */
size_t out_width(const char *text);

#define OUT_AGE_SIZE 40
/* "12 s ago", "in 3 min", "now". */
void out_age(int64_t age_ms, char out[OUT_AGE_SIZE]);
#define OUT_TIME_SIZE 40
/* RFC 3339, UTC, milliseconds. */
void out_time(int64_t ms, char out[OUT_TIME_SIZE]);

/* "" or the terminal's code, by what stdout is. */
const char *out_bold(void);
const char *out_red(void);
const char *out_green(void);
const char *out_plain(void);

#endif
