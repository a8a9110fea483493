#include "base/clock.h"

#include <string.h>

int64_t clock_parse_rfc3339(const char *text)
{
    struct tm t = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &t) : NULL;
    if (!rest || rest[0] != '.' || strspn(rest + 1, "0123456789") != 3 ||
        strcmp(rest + 4, "Z") != 0)
        return 0;
    int ms = (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + (rest[3] - '0');
    return (int64_t)timegm(&t) * 1000 + ms;
}
