#include "base/origin.h"

#include <string.h>
#include <strings.h>

struct text {
    const char *at;
    size_t n;
};

static const struct scheme {
    const char *prefix, *port; /* its default */
} SCHEMES[] = {{"http://", ":80"}, {"https://", ":443"}};

#define SCHEME_COUNT (sizeof SCHEMES / sizeof SCHEMES[0])

static int equals(struct text a, struct text b)
{
    return a.n == b.n && strncasecmp(a.at, b.at, a.n) == 0;
}

/* What stands behind the scheme; nothing when that is another one. */
static struct text authority(struct text origin, const struct scheme *scheme)
{
    size_t n = strlen(scheme->prefix);
    if (origin.n <= n || strncasecmp(origin.at, scheme->prefix, n) != 0)
        return (struct text){origin.at, 0};
    return (struct text){origin.at + n, origin.n - n};
}

static struct text without_port(struct text host, const char *port)
{
    size_t n = strlen(port);
    if (host.n > n && memcmp(host.at + host.n - n, port, n) == 0)
        host.n -= n;
    return host;
}

int origin_is_host(const char *origin, size_t origin_n, const char *host, size_t host_n)
{
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct text a = authority((struct text){origin, origin_n}, &SCHEMES[i]);
        if (a.n)
            return equals(without_port(a, SCHEMES[i].port),
                          without_port((struct text){host, host_n}, SCHEMES[i].port));
    }
    return 0;
}

/* The next word of a list; n is 0 at its end. */
static struct text next_word(const char **list)
{
    *list += strspn(*list, " ");
    struct text word = {*list, strcspn(*list, " ")};
    *list += word.n;
    return word;
}

static int is_single(struct text origin)
{
    return origin.n && !memchr(origin.at, ' ', origin.n) && !memchr(origin.at, ',', origin.n);
}

int origin_is_listed(const char *origin, size_t origin_n, const char *list)
{
    struct text asked = {origin, origin_n}, word;
    while (is_single(asked) && (word = next_word(&list)).n)
        if (equals(word, asked) || (word.n == 1 && *word.at == '*'))
            return 1;
    return 0;
}

int origin_list_is_valid(const char *list)
{
    struct text word;
    while ((word = next_word(&list)).n) {
        int is_origin = word.n == 1 && *word.at == '*';
        for (size_t i = 0; i < SCHEME_COUNT; i++) {
            struct text host = authority(word, &SCHEMES[i]);
            is_origin |= host.n && !memchr(host.at, '/', host.n) && !memchr(host.at, ',', host.n);
        }
        if (!is_origin)
            return 0;
    }
    return 1;
}
