/* What the end of a command means for the one who sent it. */
#include <stddef.h>
#include <string.h>

#include "base/rds.h"
#include "base/rds_internal.h"

int rds_means_reconnect(const char *error)
{
    static const char *const PREFIXES[] = {"LOADING", "READONLY", "NOREPLICAS", "MASTERDOWN",
                                           "UNBLOCKED"};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (strncmp(error, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return 1;
    return 0;
}

int rds_is_unknown(const struct rds_result *result)
{
    return result->outcome == RDS_LOST || result->outcome == RDS_TIMEOUT;
}

int rds_is_unavailable(const struct rds_result *result)
{
    /* A Redis that was emptied has no functions until tiffin-load has loaded them. */
    static const char *const PREFIXES[] = {"OOM",         "MISCONF",  "BUSY",
                                           "CLUSTERDOWN", "TRYAGAIN", "ERR Function not found"};
    if (result->outcome == RDS_OK)
        return 0;
    if (result->outcome != RDS_ERROR || rds_means_reconnect(result->text))
        return 1;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (strncmp(result->text, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return 1;
    return 0;
}
