#include "base/die.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void die_as(const char *program, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    die_as_va(program, format, args);
    va_end(args); /* never reached; cppcheck wants the pair */
}

void die_as_va(const char *program, const char *format, va_list args)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", program);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    _exit(EXIT_FAILURE); /* not exit(): a leak checker would look at what the callers still own */
}
