#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

#define BACKLOG 16384 /* the kernel cuts it to net.core.somaxconn */
#define ASK_TIMEOUT_S 3

/* Private by its folder, open to the folder's group (nginx) where the stack runs as root. It takes
 * the place of a killed process' socket in one step, when it already listens, so that the path is
 * never missing. */
static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *fresh = address.sun_path;
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s.new", path) >=
        (int)sizeof address.sun_path)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(fresh); /* two stacks never share a run directory */
    mode_t mask = umask(0117);
    int err = bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, BACKLOG) ||
              rename(fresh, path);
    int saved = errno;
    umask(mask);
    if (!err)
        return fd;
    close(fd);
    return -saved;
}

/* The addresses of host:port, the port counted up by `number`; freeaddrinfo() them. NULL: none. */
static struct addrinfo *look_up(const char *text, int number, int flags)
{
    const char *colon = strrchr(text, ':');
    char host[256], port[16];
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    snprintf(port, sizeof port, "%d", (int)text_to_int_or(colon + 1, 0) + number);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
    return getaddrinfo(*host ? host : NULL, port, &hints, &found) ? NULL : found;
}

static int listen_tcp(const char *text, int number)
{
    struct addrinfo *found = look_up(text, number, AI_PASSIVE);
    if (!found)
        return -EADDRNOTAVAIL;
    int one = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
              bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, BACKLOG);
    int saved = errno;
    freeaddrinfo(found);
    if (!err)
        return fd;
    if (fd >= 0)
        close(fd);
    return -saved;
}

/* The address of the `number`-th process, for the caller to free; *ret_more is what is still to be
 * added to its port. */
static char *address_of(const char *address, int number, int *ret_more)
{
    const char *hole = strstr(address, "%d");
    *ret_more = hole ? 0 : number;
    return hole ? mem_printf("%.*s%d%s", (int)(hole - address), address, number, hole + 2)
                : mem_strdup(address);
}

int listen_open(const char *address, int number)
{
    int more, fd = -EINVAL;
    char *at = address_of(address, number, &more);
    if (strchr(at, '/'))
        fd = listen_unix(at);
    else if (strrchr(at, ':'))
        fd = listen_tcp(at, more);
    free(at);
    return fd;
}

/* ---- the other end -------------------------------------------------------------------------- */

static int connect_to(const struct sockaddr *address, socklen_t size)
{
    const struct timeval limit = {ASK_TIMEOUT_S, 0}; /* of connecting too */
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd, address, size) == 0)
        return fd;
    int saved = errno;
    close(fd);
    return -saved;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (text_copy(address.sun_path, sizeof address.sun_path, path))
        return -ENAMETOOLONG;
    return connect_to((struct sockaddr *)&address, sizeof address);
}

static int connect_tcp(const char *text, int number)
{
    struct addrinfo *found = look_up(text, number, 0);
    if (!found)
        return -EADDRNOTAVAIL;
    int fd = connect_to(found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

static int connect_at(const char *address, int number)
{
    int more, fd = -EINVAL;
    char *at = address_of(address, number, &more);
    if (strchr(at, '/'))
        fd = connect_unix(at);
    else if (strrchr(at, ':'))
        fd = connect_tcp(at, more);
    free(at);
    return fd;
}

/* Until the last byte that is wanted. */
static int read_all(int fd, char *out, size_t wanted)
{
    while (wanted) {
        ssize_t got = recv(fd, out, wanted, 0);
        if (got <= 0)
            return got ? -errno : -EPIPE;
        out += got;
        wanted -= (size_t)got;
    }
    return 0;
}

int listen_ask(const char *address, int number, const void *question, size_t n, char *ret_answer,
               size_t wanted)
{
    int fd = connect_at(address, number);
    if (fd < 0)
        return fd;
    ssize_t sent = send(fd, question, n, MSG_NOSIGNAL);
    int err = sent == (ssize_t)n ? read_all(fd, ret_answer, wanted) : -EIO;
    close(fd);
    return err;
}

int listen_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return -errno;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}
