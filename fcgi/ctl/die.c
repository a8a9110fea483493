#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctl.h"

void ctl_die(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout);
    fputs("tiffin-ctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILED);
}
