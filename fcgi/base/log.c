#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program_name = "tiffin";
static enum log_level lowest_level = LOG_INFO;
static unsigned long n_lost; /* lines since the last one that could be written */

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

/* "time level program[pid]: " into the line. Returns its length. */
static size_t write_head(char *line, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return n + (size_t)snprintf(line + n, size - n, ".%03ldZ %s %s[%d]: ", now.tv_nsec / 1000000,
                                LEVEL_NAMES[level], program_name, (int)getpid());
}

/* A log that cannot be written must not stop the service: what a full pipe has no room for is lost,
 * and counted. A line is shorter than PIPE_BUF, so it is never written in part (pipe(7)). */
static void write_line(const char *line, size_t n)
{
    if (write(STDERR_FILENO, line, n) < 0 && errno == EAGAIN)
        n_lost++;
}

static void tell_lost(void)
{
    char line[128];
    size_t n = write_head(line, sizeof line, LOG_WARN);
    n += (size_t)snprintf(line + n, sizeof line - n, "%lu log lines were lost\n", n_lost);
    if (write(STDERR_FILENO, line, n) >= 0)
        n_lost = 0;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    if (n_lost > 0)
        tell_lost();

    char line[1024];
    size_t n = write_head(line, sizeof line, level);

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
    write_line(line, end);
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
