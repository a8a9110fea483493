#include <stdarg.h>

#include "base/die.h"
#include "ctl/ctl.h"

void ctl_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    die_as_va("tiffin-ctl", format, args);
    va_end(args); /* never reached; cppcheck wants the pair */
}
