#include "base/probe.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/text.h"

#define TIMEOUT_S 3

static int connect_to(const struct sockaddr *address, socklen_t size)
{
    const struct timeval limit = {TIMEOUT_S, 0}; /* of connecting too */
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
    struct addrinfo *found = address_look_up(at, 0);
    if (!found)
        return -EADDRNOTAVAIL;
    int fd = connect_to(found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

/* Reads all the bytes that are wanted. */
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

int probe_ask(const char *address, int number, const struct probe *probe)
{
    struct address at;
    int err = address_of(address, number, &at);
    if (err)
        return err;
    int fd = at.port ? connect_tcp(&at) : connect_unix(at.name);
    if (fd < 0)
        return fd;
    ssize_t sent = send(fd, probe->question, probe->n, MSG_NOSIGNAL);
    err = sent == (ssize_t)probe->n ? read_all(fd, probe->answer, probe->wanted) : -EIO;
    close(fd);
    return err;
}
