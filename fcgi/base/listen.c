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

#define BACKLOG 16384 /* the kernel cuts it to net.core.somaxconn */

/* Private by its folder, open to the folder's group (nginx) where the stack runs as root. It
 * replaces a killed process' socket in one step, when it already listens, so that the path is never
 * missing. */
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

static int listen_tcp(const struct address *at)
{
    struct addrinfo *found = address_look_up(at, AI_PASSIVE);
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

int listen_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return -errno;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}
