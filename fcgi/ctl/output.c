#include "ctl/output.h"

#include <json-c/json.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/mem.h"

#define LABEL_WIDTH 12
#define GAP "  "

static int has_colour;

void out_init(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org */
    const char *term = getenv("TERM");
    has_colour =
        isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
}

const char *out_bold(void)
{
    return has_colour ? "\033[1m" : "";
}

const char *out_red(void)
{
    return has_colour ? "\033[31m" : "";
}

const char *out_green(void)
{
    return has_colour ? "\033[32m" : "";
}

const char *out_plain(void)
{
    return has_colour ? "\033[0m" : "";
}

/* ---- text ------------------------------------------------------------------------------------ */

char *out_clean(const char *text)
{
    char *clean = mem_alloc(strlen(text) + 1), *to = clean;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    while (*text) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, MB_CUR_MAX, &state);
        if (n == (size_t)-1 || n == (size_t)-2 || wcwidth(c) < 0) {
            int is_character = n != (size_t)-1 && n != (size_t)-2;
            memset(&state, 0, sizeof state);
            *to++ = '?';
            text += is_character ? n : 1;
            continue;
        }
        memcpy(to, text, n);
        to += n;
        text += n;
    }
    *to = '\0';
    return clean;
}

size_t out_width(const char *text)
{
    size_t width = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    while (*text) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, MB_CUR_MAX, &state);
        if (n == (size_t)-1 || n == (size_t)-2) {
            memset(&state, 0, sizeof state);
            n = 1;
            width++;
        } else {
            int w = wcwidth(c);
            width += w > 0 ? (size_t)w : 0;
        }
        text += n;
    }
    return width;
}

void out_age(int64_t age_ms, char out[OUT_AGE_SIZE])
{
    static const struct {
        int64_t seconds, until;
        const char *name;
    } UNITS[] = {{1, 120, "s"}, {60, 7200, "min"}, {3600, 172800, "h"}, {86400, INT64_MAX, "days"}};
    int is_past = age_ms >= 0;
    int64_t seconds = (is_past ? age_ms : -age_ms) / 1000;
    size_t u = 0;
    if (seconds == 0) {
        snprintf(out, OUT_AGE_SIZE, "now");
        return;
    }
    while (seconds >= UNITS[u].until)
        u++;
    snprintf(out, OUT_AGE_SIZE, "%s%lld %s%s", is_past ? "" : "in ",
             (long long)(seconds / UNITS[u].seconds), UNITS[u].name, is_past ? " ago" : "");
}

void out_time(int64_t ms, char out[OUT_TIME_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char date[24];
    if (!gmtime_r(&seconds, &utc) || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        snprintf(date, sizeof date, "?");
    snprintf(out, OUT_TIME_SIZE, "%s.%03dZ", date, (int)(ms % 1000));
}

void out_line(FILE *out, const char *label, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(out, "%s%-*s%s", out_bold(), LABEL_WIDTH, label, out_plain());
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static char *time_text(const char *time, enum column_kind kind, int64_t now_ms)
{
    char age[OUT_AGE_SIZE];
    int64_t ms = clock_parse_rfc3339(time);
    if (ms == 0)
        return out_clean(time);
    out_age(now_ms - ms, age);
    return kind == COLUMN_AGE ? mem_strdup(age) : mem_printf("%s (%s)", time, age);
}

/* What stands in a cell; the caller frees it. */
static char *cell_text(struct json_object *row, const struct column *column, int64_t now_ms)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(row, column->field, &value) || !value)
        return mem_strdup("-");
    if (json_object_is_type(value, json_type_boolean))
        return mem_strdup(json_object_get_boolean(value) ? "yes" : "no");
    const char *text = json_object_get_string(value);
    if (column->kind == COLUMN_TIME || column->kind == COLUMN_AGE)
        return time_text(text, column->kind, now_ms);
    return out_clean(text);
}

static void put_cell(FILE *out, const char *text, size_t width, int is_right, int is_last)
{
    int pad = (int)(width - out_width(text));
    if (is_right)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, is_last ? 0 : pad, "");
    fputs(is_last ? "\n" : GAP, out);
}

void out_table(FILE *out, struct json_object *rows, const struct column columns[], size_t n,
               int64_t now_ms)
{
    size_t n_rows = json_object_array_length(rows);
    size_t *widths = mem_calloc(n, sizeof *widths);
    char **cells = mem_calloc(n_rows * n + 1, sizeof *cells);

    for (size_t c = 0; c < n; c++)
        widths[c] = out_width(columns[c].title);
    for (size_t i = 0; i < n_rows * n; i++) {
        size_t c = i % n;
        cells[i] = cell_text(json_object_array_get_idx(rows, i / n), &columns[c], now_ms);
        if (out_width(cells[i]) > widths[c])
            widths[c] = out_width(cells[i]);
    }
    fputs(out_bold(), out);
    for (size_t c = 0; c < n; c++)
        put_cell(out, columns[c].title, widths[c], columns[c].kind == COLUMN_NUMBER, c == n - 1);
    fputs(out_plain(), out);
    for (size_t i = 0; i < n_rows * n; i++) {
        size_t c = i % n;
        put_cell(out, cells[i], widths[c], columns[c].kind == COLUMN_NUMBER, c == n - 1);
        free(cells[i]);
    }
    free(cells);
    free(widths);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void out_json(FILE *out, struct json_object *document)
{
    fputs(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY |
                                                       JSON_C_TO_STRING_SPACED |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE),
          out);
    fputc('\n', out);
}
