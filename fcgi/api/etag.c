#include "api/etag.h"

#include <stdio.h>
#include <string.h>

int etag_matches(const char *list, int version)
{
    char own[16];
    int n = snprintf(own, sizeof own, "\"%d\"", version);
    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return 1;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (*list != '"')
            return 0;
        if (strncmp(list, own, (size_t)n) == 0)
            return 1;
        const char *close = strchr(list + 1, '"');
        if (!close)
            return 0;
        list = close + 1;
    }
    return 0;
}
