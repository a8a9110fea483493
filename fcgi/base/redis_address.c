#include "base/redis_address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rds_reply.h"
#include "base/text.h"

#define SENTINEL "sentinel://"
#define HOLE "%d"

static char *fill(const char *text, int shard)
{
    const char *hole = strstr(text, HOLE);
    if (!hole)
        return mem_strdup(text);
    return mem_printf("%.*s%d%s", (int)(hole - text), text, shard, hole + strlen(HOLE));
}

int redis_address_fixed(const struct redis_address *a, int shard, struct address *ret)
{
    char *text = fill(a->fixed, shard);
    int err = address_parse(text, ret);
    free(text);
    return err;
}

char *redis_address_name(const struct redis_address *a, int shard)
{
    return fill(a->name, shard);
}

int redis_address_told(const struct redisReply *reply, struct address *ret)
{
    const char *host = rds_str(rds_at(reply, 0));
    int64_t port = rds_int_or(rds_at(reply, 1), 0);
    if (!host || port < 1 || port > 65535 || text_copy(ret->name, sizeof ret->name, host))
        return -ENOENT;
    ret->port = (int)port;
    return 0;
}

int redis_address_is_by_shard(const struct redis_address *a)
{
    return strstr(a->fixed ? a->fixed : a->name, HOLE) != NULL;
}

/* Somewhere on this machine or another; not "any address". */
static int parse_host(const char *text, struct address *ret)
{
    int err = address_parse(text, ret);
    return err ? err : *ret->name ? 0 : -EINVAL;
}

static int parse_sentinels(struct redis_address *a, char *list)
{
    char *rest = list, *one;
    while ((one = strsep(&rest, ","))) {
        if (a->n_sentinels == REDIS_SENTINELS_MAX)
            return -EINVAL;
        int err = parse_host(one, &a->sentinels[a->n_sentinels++]);
        if (err)
            return err;
    }
    return 0;
}

/* NAME@host:port,host:port */
static int parse_sentinel(const char *text, struct redis_address *a)
{
    const char *at = strchr(text, '@');
    if (!at || at == text)
        return -EINVAL;
    char *list = mem_strdup(at + 1);
    int err = parse_sentinels(a, list);
    free(list);
    if (!err)
        a->name = mem_printf("%.*s", (int)(at - text), text);
    return err;
}

int redis_address_parse(const char *text, struct redis_address *ret)
{
    struct redis_address a = {0};
    struct address first;
    int err;
    if (strncmp(text, SENTINEL, strlen(SENTINEL)) == 0) {
        err = parse_sentinel(text + strlen(SENTINEL), &a);
    } else if (strstr(text, "://")) {
        err = -EINVAL;
    } else {
        a.fixed = mem_strdup(text);
        err = redis_address_fixed(&a, 0, &first);
        if (!err && !*first.name)
            err = -EINVAL;
        if (err)
            free(a.fixed);
    }
    if (!err)
        *ret = a;
    return err;
}

void redis_address_release(struct redis_address *a)
{
    free(a->fixed);
    free(a->name);
    *a = (struct redis_address){0};
}
