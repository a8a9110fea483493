/* nothing: a FastCGI responder that does nothing, to measure one that does something against.
 *
 *   nothing SOCKET...        one process for each unix socket; ends with its parent or by SIGTERM
 *
 * It reads no parameter, allocates nothing for a request and knows no library: the records of a
 * connection are skipped by their length (FastCGI 1.0, section 3.3), and the empty STDIN record
 * that ends a request (5.3) is answered with the same bytes every time. What an API behind the same
 * nginx reaches beyond this is noise; what it lacks is its own cost. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_BYTES 65536
#define ANSWER_MAX 512
#define FILES_MAX 4096

enum { TYPE_END_REQUEST = 3, TYPE_STDIN = 5, TYPE_STDOUT = 6 };

/* version, type, request id (2), content length (2), padding length, reserved */
#define HEADER_BYTES 8

struct conn {
    size_t n_header; /* bytes of the next header that have come */
    size_t to_skip;  /* bytes of content and padding that have yet to come */
    unsigned char header[HEADER_BYTES];
};

static struct conn conns[FILES_MAX]; /* by file descriptor */

static const char BODY[] = "Content-Type: application/json\r\n"
                           "Cache-Control: no-store\r\n"
                           "Content-Length: 16\r\n"
                           "\r\n"
                           "{\"status\":\"ok\"}\n";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static size_t put_header(unsigned char *to, int type, const unsigned char *id, size_t n)
{
    unsigned char header[HEADER_BYTES] = {1, (unsigned char)type, id[0], id[1]};
    header[4] = (unsigned char)(n >> 8);
    header[5] = (unsigned char)n;
    memcpy(to, header, HEADER_BYTES);
    return HEADER_BYTES;
}

/* -> 0, -1 when the connection is of no use any more. An answer is far smaller than any socket
 * buffer, and nginx has one request at a time on a connection, so it is sent whole or not at all.
 */
static int answer(int fd, const struct conn *c)
{
    unsigned char out[ANSWER_MAX];
    const unsigned char *id = c->header + 2;
    size_t n = put_header(out, TYPE_STDOUT, id, sizeof BODY - 1);
    memcpy(out + n, BODY, sizeof BODY - 1);
    n += sizeof BODY - 1;
    n += put_header(out + n, TYPE_STDOUT, id, 0);
    n += put_header(out + n, TYPE_END_REQUEST, id, 8);
    memset(out + n, 0, 8); /* application status 0, FCGI_REQUEST_COMPLETE */
    n += 8;
    return send(fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n ? 0 : -1;
}

/* Skips whole records and answers each end of a request. -> 0 or -1, as answer() */
static int take(int fd, struct conn *c, const unsigned char *bytes, size_t n)
{
    while (n) {
        size_t part = c->to_skip < n ? c->to_skip : n;
        bytes += part;
        n -= part;
        c->to_skip -= part;
        if (!n)
            break;
        c->header[c->n_header++] = *bytes++;
        n--;
        if (c->n_header < HEADER_BYTES)
            continue;
        c->n_header = 0;
        size_t content = (size_t)c->header[4] << 8 | c->header[5];
        c->to_skip = content + c->header[6];
        if (c->header[1] == TYPE_STDIN && content == 0 && answer(fd, c) != 0)
            return -1;
    }
    return 0;
}

static void on_readable(int fd)
{
    static unsigned char bytes[READ_BYTES];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || take(fd, &conns[fd], bytes, (size_t)n) != 0)
        close(fd);
}

static void on_connection(int epoll, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= FILES_MAX) {
        close(fd);
        return;
    }
    conns[fd] = (struct conn){0};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        die("nothing: epoll_ctl");
}

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        fprintf(stderr, "nothing: the path is too long: %s\n", path);
        exit(1);
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || chmod(path, 0666) ||
        listen(fd, 4096))
        die(path);
    return fd;
}

static void serve(int listen_fd)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listen_fd}, events[EVENTS_MAX];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listen_fd, &event))
        die("nothing: epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listen_fd)
                on_connection(epoll, listen_fd);
            else
                on_readable(events[i].data.fd);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: nothing SOCKET...\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (int i = 1; i < argc; i++) {
        int fd = listen_at(argv[i]);
        pid_t child = fork();
        if (child < 0)
            die("nothing: fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            serve(fd);
        }
        close(fd);
    }
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    return 1;
}
