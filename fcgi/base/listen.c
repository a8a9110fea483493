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

#include "base/address.h"
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

/* What the system makes of host and port; freeaddrinfo() it. NULL: nothing. */
static struct addrinfo *look_up(const struct address *at, int flags)
{
    char port[16];
    snprintf(port, sizeof port, "%d", at->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
    return getaddrinfo(*at->name ? at->name : NULL, port, &hints, &found) ? NULL : found;
}

static int listen_tcp(const struct address *at)
{
    struct addrinfo *found = look_up(at, AI_PASSIVE);
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

int listen_open(const char *address, int number)
{
    struct address at;
    int err = address_of(address, number, &at);
    if (err)
        return err;
    return at.port ? listen_tcp(&at) : listen_unix(at.name);
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

static int connect_tcp(const struct address *at)
{
    struct addrinfo *found = look_up(at, 0);
    if (!found)
        return -EADDRNOTAVAIL;
    int fd = connect_to(found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
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
    struct address at;
    int err = address_of(address, number, &at);
    if (err)
        return err;
    int fd = at.port ? connect_tcp(&at) : connect_unix(at.name);
    if (fd < 0)
        return fd;
    ssize_t sent = send(fd, question, n, MSG_NOSIGNAL);
    err = sent == (ssize_t)n ? read_all(fd, ret_answer, wanted) : -EIO;
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
