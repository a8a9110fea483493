#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program_name = "tiffin";
static enum log_level lowest_level = LOG_INFO;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};

void log_init(const char *program, enum log_level lowest)
{
    program_name = program;
    lowest_level = lowest;
}

int log_level_parse(const char *text)
{
    for (int i = 0; i <= LOG_ERROR; i++)
        if (strcmp(text, LEVEL_NAMES[i]) == 0)
            return i;
    return -1;
}

int log_enabled(enum log_level level)
{
    return level >= lowest_level;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;

    char line[1024];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ldZ %s %s[%d]: ", now.tv_nsec / 1000000,
                          LEVEL_NAMES[level], program_name, (int)getpid());

    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    size_t end = n + (wrote > 0 ? (size_t)wrote : 0);
    if (end > sizeof line - 1)
        end = sizeof line - 1;
    for (size_t i = n; i < end; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[end++] = '\n';
    /* A log that cannot be written must not stop the service. */
    (void)!write(STDERR_FILENO, line, end);
}

const char *log_id(const char *id)
{
    static char buffers[4][24];
    static unsigned next;
    char *out = buffers[next++ % 4];

    const char *tail = strchr(id, '_');
    size_t keep = tail ? (size_t)(tail - id) + 1 + 6 : 6;
    snprintf(out, sizeof buffers[0], "%.*s", keep > 20 ? 20 : (int)keep, id);
    return out;
}
