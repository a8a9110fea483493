/* How a short-lived tool ends on the first thing that is wrong: with one line. No server may use
 * this: a peer's bytes must never end a process. */
#ifndef TIFFIN_BASE_DIE_H
#define TIFFIN_BASE_DIE_H

#include <stdarg.h>

/* Writes out stdout, prints "<program>: <text>" as a line on stderr and ends the process with
 * status 1, without the handlers of atexit(). Callers release nothing before: the process' memory
 * and descriptors go with it. */
void die_as(const char *program, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void die_as_va(const char *program, const char *format, va_list args)
    __attribute__((noreturn, format(printf, 2, 0)));

#endif
