#include "tests/bench/chatload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"

#define RETRY_S 0.2

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    load.back++;
    start(w->data);
}

static void finish(struct client *c)
{
    if (c->state == OPEN)
        load.n_open--;
    if (!option.resume && c->state == OPEN)
        load.broken++;
    else if (!option.resume)
        load.refused++;
    ev_io_stop(load.loop, &c->io);
    close(c->fd);
    c->n_left = 0;
    c->state = CLOSED;
    if (!option.resume)
        return;
    ev_timer_init(&c->retry, on_retry, RETRY_S * (0.5 + random_unit()), 0.);
    c->retry.data = c;
    ev_timer_start(load.loop, &c->retry);
}

static void tell_opened(void)
{
    if (load.n_open != option.clients || !option.opened_file)
        return;
    int fd = open(option.opened_file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    option.opened_file = NULL;
}

static void send_request(struct client *c)
{
    char request[512], resume[48] = "";
    if (option.resume && c->last_id >= 0)
        snprintf(resume, sizeof resume, "?after=%ld", c->last_id);
    int n = snprintf(request, sizeof request,
                     "GET /ws/support-chat%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n%s\r\n",
                     resume, option.json ? "Sec-WebSocket-Protocol: tiffin.chat.v1\r\n" : "");
    if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
        finish(c);
        return;
    }
    c->state = HEAD;
    ev_io_stop(load.loop, &c->io);
    ev_io_set(&c->io, c->fd, EV_READ);
    ev_io_start(load.loop, &c->io);
}

/* -> bytes of the answer's head; 0: not all of it; -1: refused */
static long take_head(struct client *c, const char *bytes, size_t n)
{
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (n < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0)
        return -1;
    c->state = OPEN;
    load.n_open++;
    tell_opened();
    say_all_again(c);
    return end + 4 - bytes;
}

static void keep(struct client *c, const char *bytes, size_t n)
{
    if (n) {
        c->left = mem_realloc(c->left, n);
        memcpy(c->left, bytes, n);
    }
    c->n_left = n;
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    struct client *c = w->data;
    if (c->state == CONNECTING && revents & EV_WRITE) {
        send_request(c);
        return;
    }
    if (c->n_left > 70000) {
        finish(c);
        return;
    }
    memcpy(load.in, c->left ? c->left : "", c->n_left);
    ssize_t got = recv(c->fd, load.in + c->n_left, READ_BYTES - 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        finish(c);
        return;
    }
    size_t n = c->n_left + (size_t)got, done = 0;
    if (c->state == HEAD) {
        long head = take_head(c, load.in, n);
        if (head < 0) {
            finish(c);
            return;
        }
        done = (size_t)head;
    }
    if (c->state == OPEN)
        done += take_frames(c, load.in + done, n - done);
    keep(c, load.in + done, n - done);
}

void start(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port)};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        perror("chatload: cannot connect");
        exit(1);
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->state = CONNECTING;
    ev_io_init(&c->io, on_io, c->fd, EV_WRITE);
    c->io.data = c;
    ev_io_start(load.loop, &c->io);
}
