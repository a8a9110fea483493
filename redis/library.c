#include "redis/library.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "redis/tool.h"

#define SUFFIX ".lua"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_lua(const char *file_name)
{
    size_t len = strlen(file_name);
    return len > strlen(SUFFIX) && strcmp(file_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* ---- joining --------------------------------------------------------------------------------- */

static void init(struct library *lib, const char *path)
{
    *lib = (struct library){.code = BUF_INIT(MAX_FILE_BYTES)};
    lib->path = mem_strdup(path);
    lib->name = mem_strdup(base_name(path));
    if (is_lua(lib->name))
        lib->name[strlen(lib->name) - strlen(SUFFIX)] = '\0';
}

/* The caller has checked that there is room. */
static void append(struct library *lib, const char *text)
{
    (void)buf_add(&lib->code, text, strlen(text));
    for (; *text; text++)
        lib->n_lines += *text == '\n';
}

void library_init(struct library *lib, const char *path)
{
    init(lib, path);
    append(lib, "#!lua name=");
    append(lib, lib->name);
    append(lib, "\n");
}

/* Of NN-subject.lua; 0 for any other name. */
static size_t part_number(const char *file_name)
{
    if (!isdigit((unsigned char)file_name[0]) || !isdigit((unsigned char)file_name[1]) ||
        file_name[2] != '-' || !is_lua(file_name))
        return 0;
    return (size_t)(10 * (file_name[0] - '0') + file_name[1] - '0');
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n' || !text[1];
    return n;
}

const char *library_add(struct library *lib, const char *file_name, const char *text)
{
    size_t number = part_number(file_name), n_lines = count_lines(text);
    if (number == 0)
        return "is no name of a part: NN-subject.lua, from 01 to 99";
    if (n_lines >= LIBRARY_PART_LINES)
        return "has more than 999 lines";
    size_t lines_before = number * LIBRARY_PART_LINES;
    if (lib->n_lines > lines_before)
        return "needs a higher number than the part before it";
    if (lines_before - lib->n_lines + strlen(text) + 1 > lib->code.max - lib->code.len)
        return "makes the library too large";
    while (lib->n_lines < lines_before)
        append(lib, "\n");
    append(lib, text);
    append(lib, "\n"); /* where the file does not end with one */
    lib->parts[number] = mem_strdup(file_name);
    return NULL;
}

void library_release(struct library *lib)
{
    free(lib->path);
    free(lib->name);
    buf_release(&lib->code);
    for (size_t i = 0; i <= LIBRARY_MAX_PARTS; i++)
        free(lib->parts[i]);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_visible_lua(const struct dirent *entry)
{
    return is_visible(entry) && is_lua(entry->d_name);
}

/* The entries of a folder, by name; the caller frees each, and the list. */
static size_t list_dir(const char *dir, int (*filter)(const struct dirent *), struct dirent ***ret)
{
    int n = scandir(dir, ret, filter, alphasort);
    if (n < 0)
        die("cannot read the folder %s: %s", dir, strerror(errno));
    return (size_t)n;
}

static int is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void read_part(struct library *lib, const char *file_name)
{
    char path[MAX_PATH_BYTES];
    set_path(path, "%s/%s", lib->path, file_name);
    struct text text = read_file(path);
    const char *complaint = library_add(lib, file_name, text.bytes);
    if (complaint)
        die("%s %s", path, complaint);
    free(text.bytes);
}

static void read_parts(struct library *lib, const char *path)
{
    struct dirent **entries;
    library_init(lib, path);
    size_t n = list_dir(path, is_visible_lua, &entries);
    if (n == 0)
        die("%s has no *.lua file", path);
    for (size_t i = 0; i < n; i++) {
        read_part(lib, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void library_read(struct library *lib, const char *path)
{
    if (is_dir(path)) {
        read_parts(lib, path);
        return;
    }
    struct text text = read_file(path);
    init(lib, path);
    append(lib, text.bytes);
    free(text.bytes);
}

void libraries_read(struct libraries *libs, const char *dir)
{
    struct dirent **entries;
    char path[MAX_PATH_BYTES];
    size_t n = list_dir(dir, is_visible, &entries);
    libs->n = 0;
    for (size_t i = 0; i < n; i++) {
        set_path(path, "%s/%s", dir, entries[i]->d_name);
        if (is_lua(entries[i]->d_name) || is_dir(path)) {
            if (libs->n == LIBRARIES_MAX)
                die("%s must hold 1 to %d *.lua files or folders", dir, LIBRARIES_MAX);
            library_read(&libs->items[libs->n++], path);
        }
        free(entries[i]);
    }
    free(entries);
    if (libs->n == 0)
        die("%s must hold 1 to %d *.lua files or folders", dir, LIBRARIES_MAX);
}

void libraries_release(struct libraries *libs)
{
    for (size_t i = 0; i < libs->n; i++)
        library_release(&libs->items[i]);
    libs->n = 0;
}

/* ---- from the line back to the file ------------------------------------------------------------
 */

/* How long the words are that stand before a line number in what Redis says; 0: other text. */
static size_t mark_length(const char *text)
{
    static const char *const MARKS[] = {"user_function:", "line "};
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++) {
        size_t len = strlen(MARKS[i]);
        if (strncmp(text, MARKS[i], len) == 0 && isdigit((unsigned char)text[len]))
            return len;
    }
    return 0;
}

/* The file that a line of the code comes from, and the line there; NULL when it is of none. */
static const char *file_of(const struct library *lib, size_t line, size_t *ret_line)
{
    *ret_line = line;
    if (is_lua(lib->path))
        return base_name(lib->path);
    *ret_line = line % LIBRARY_PART_LINES;
    size_t number = line / LIBRARY_PART_LINES;
    return number <= LIBRARY_MAX_PARTS ? lib->parts[number] : NULL;
}

char *library_explain(const struct library *lib, const char *message)
{
    struct buf out = BUF_INIT(MAX_FILE_BYTES);
    while (*message) {
        size_t len = mark_length(message), line = 0;
        char *end = NULL;
        const char *file = len ? file_of(lib, strtoul(message + len, &end, 10), &line) : NULL;
        if (file) {
            (void)buf_addf(&out, "%s:%zu", file, line);
            message = end;
        } else {
            (void)buf_add(&out, message++, 1);
        }
    }
    return out.data ? out.data : mem_strdup("");
}
