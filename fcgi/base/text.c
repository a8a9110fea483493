#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_copy(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size)
        return -ENAMETOOLONG;
    memcpy(out, text, n + 1);
    return 0;
}

int text_to_int(const char *text, int64_t *ret)
{
    char *end;
    if (!text || !(isdigit((unsigned char)text[0]) || text[0] == '-'))
        return -EPROTO; /* strtoll would take spaces and a plus sign */
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return -EPROTO;
    *ret = value;
    return 0;
}

int64_t text_to_int_or(const char *text, int64_t fallback)
{
    int64_t value = fallback;
    (void)text_to_int(text, &value);
    return value;
}

struct text_number text_of_number(int64_t n)
{
    struct text_number out;
    snprintf(out.text, sizeof out.text, "%lld", (long long)n);
    return out;
}

int text_is_token(const char *text, size_t min, size_t max)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return text[n] == '\0' && n >= min && n <= max;
}

int text_is_key(const char *text)
{
    return text_is_token(text, 16, 128);
}

uint32_t text_hash(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}
