/* Log lines on standard error, one write each, so that lines of several processes never mix:
 *
 *   2026-11-22T11:00:58.123Z warn tiffin-api[412]: Redis is away; retrying in 400 ms
 *
 * Programs log once, where the decision is made: what, which id, what follows. `base` and `order`
 * log nothing above debug. Order ids are capabilities: pass them through log_id(). */
#ifndef TIFFIN_BASE_LOG_H
#define TIFFIN_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Sets the name shown (kept by reference) and the lowest level that is written. */
void log_init(const char *program, enum log_level lowest);

/* "debug", "info", "warn", "error" -> level; -1 for any other text. */
int log_level_parse(const char *text);

/* Writes one line (cut at 1 KB; control characters become '?'). printf-like. Never blocks when
 * standard error has O_NONBLOCK: lines that a full pipe has no room for are dropped, and the next
 * one that is written comes after one that says how many. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when a line of this level would be written: guards costly arguments. */
int log_enabled(enum log_level level);

/* The part of an order or update id that may be shown: the first word and six characters.
 * Returns one of four static buffers in turn, so that several fit one line. */
const char *log_id(const char *id);

#define log_debug(...) \
    do { \
        if (log_enabled(LOG_DEBUG)) \
            log_write(LOG_DEBUG, __VA_ARGS__); \
    } while (0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
