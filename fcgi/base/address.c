#include "base/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/text.h"

#define PORT_MAX 65535

static int parse_path(const char *text, struct address *ret)
{
    if (strlen(text) > ADDRESS_PATH_MAX)
        return -ENAMETOOLONG; /* hiredis would cut it */
    ret->port = 0;
    return text_copy(ret->name, sizeof ret->name, text);
}

int address_parse(const char *text, struct address *ret)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (strchr(text, '/'))
        return parse_path(text, ret);
    if (!colon || text_to_int(colon + 1, &port) || port < 1 || port > PORT_MAX)
        return -EINVAL;
    size_t brackets = text[0] == '[' && colon[-1] == ']';
    size_t n = (size_t)(colon - text) - 2 * brackets;
    if (n >= sizeof ret->name)
        return -ENAMETOOLONG;
    memcpy(ret->name, text + brackets, n);
    ret->name[n] = '\0';
    ret->port = (int)port;
    return 0;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
    if (!a->port)
        snprintf(out, ADDRESS_TEXT_SIZE, "%s", a->name);
    else if (strchr(a->name, ':'))
        snprintf(out, ADDRESS_TEXT_SIZE, "[%s]:%d", a->name, a->port);
    else
        snprintf(out, ADDRESS_TEXT_SIZE, "%s:%d", a->name, a->port);
}

int address_is_same(const struct address *a, const struct address *b)
{
    return a->port == b->port && strcmp(a->name, b->name) == 0;
}

int address_of(const char *text, int number, struct address *ret)
{
    const char *hole = strstr(text, "%d");
    char *filled = hole ? mem_printf("%.*s%d%s", (int)(hole - text), text, number, hole + 2)
                        : mem_strdup(text);
    struct address address;
    int err = address_parse(filled, &address);
    free(filled);
    if (err)
        return err;
    if (address.port && !hole)
        address.port += number;
    if (address.port > PORT_MAX)
        return -ERANGE;
    *ret = address;
    return 0;
}

struct addrinfo *address_look_up(const struct address *at, int flags)
{
    char port[16];
    snprintf(port, sizeof port, "%d", at->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
    return getaddrinfo(*at->name ? at->name : NULL, port, &hints, &found) ? NULL : found;
}
