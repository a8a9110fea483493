/* What the end of a command means for the one who sent it. */
#include <stddef.h>
#include <string.h>

#include "base/rds.h"
#include "base/rds_internal.h"

static int begins_with_one_of(const char *error, const char *const prefixes[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(error, prefixes[i], strlen(prefixes[i])) == 0)
            return 1;
    return 0;
}
#define BEGINS_WITH(error, ...) \
    begins_with_one_of((error), (const char *const[]){__VA_ARGS__}, \
                       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

int rds_means_reconnect(const char *error)
{
    return BEGINS_WITH(error, "LOADING", "READONLY", "MASTERDOWN", "MOVED", "UNBLOCKED");
}

int rds_means_not_executed(const char *error)
{
    return BEGINS_WITH(error, "LOADING", "READONLY", "MASTERDOWN", "MOVED", "NOREPLICAS",
                       "CLUSTERDOWN", "TRYAGAIN", "ASK");
}

int rds_is_unknown(const struct rds_result *result)
{
    return result->outcome == RDS_LOST || result->outcome == RDS_TIMEOUT;
}

int rds_is_without_function(const struct rds_result *result)
{
    return result->outcome == RDS_ERROR && BEGINS_WITH(result->text, "ERR Function not found");
}

int rds_is_unavailable(const struct rds_result *result)
{
    if (result->outcome != RDS_ERROR)
        return result->outcome != RDS_OK;
    /* A Redis that was emptied has no functions until tiffin-load has loaded them. */
    return rds_means_reconnect(result->text) || rds_is_without_function(result) ||
           BEGINS_WITH(result->text, "OOM", "MISCONF", "BUSY");
}
