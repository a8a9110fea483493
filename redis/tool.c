#include "redis/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void set_path(char path[MAX_PATH_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(path, MAX_PATH_BYTES, format, args);
    va_end(args);
    if (len < 0 || len >= MAX_PATH_BYTES)
        die("a path is longer than %d bytes", MAX_PATH_BYTES - 1);
}

const char *env_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

struct text read_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        die("cannot open %s: %s", path, strerror(errno));
    struct text text = {mem_alloc(MAX_FILE_BYTES + 1), 0};
    text.len = fread(text.bytes, 1, MAX_FILE_BYTES + 1, file);
    if (ferror(file))
        die("cannot read %s: %s", path, strerror(errno));
    (void)fclose(file);
    if (text.len > MAX_FILE_BYTES)
        die("%s is larger than %d bytes", path, MAX_FILE_BYTES);
    text.bytes = mem_realloc(text.bytes, text.len + 1);
    text.bytes[text.len] = '\0';
    return text;
}
