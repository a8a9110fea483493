/* Sec-Fetch-Site (W3C Fetch Metadata) is the browser's own judgement, so it is believed when it
 * says that the page is ours (even behind a proxy that changes Host) or a stranger's. "same-site"
 * says little: another port of localhost is the same site. And over plain HTTP, but to localhost,
 * browsers do not send it. There Origin decides, which they send with every POST. */
#include "api/foreign.h"

#include <string.h>

#include "base/origin.h"

static int is_one_of(const char *text, const char *a, const char *b)
{
    return text && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

int is_foreign(const struct provenance *from, const char *origins)
{
    const char *origin = from->origin, *host = from->host ? from->host : "";
    int is_listed = origin && origin_is_listed(origin, strlen(origin), origins);
    if (origin && !*origin)
        return 1;
    if (is_listed || is_one_of(from->fetch_site, "same-origin", "none"))
        return 0;
    if (is_one_of(from->fetch_site, "cross-site", "") ||
        (from->fetch_site && strchr(from->fetch_site, ','))) /* several, joined by nginx */
        return 1;
    return origin && !origin_is_host(origin, strlen(origin), host, strlen(host));
}
