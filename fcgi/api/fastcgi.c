/* How libfcgi is kept from blocking:
 *
 *  - we listen and accept ourselves; FCGX_InitRequest() gets listen socket -1, so that
 *    FCGX_Accept_r() reads a request from the fd we give it, or returns an error;
 *  - keepConnection is set before the first FCGX_Accept_r(), which begins by finishing "the
 *    previous request" and would close the fd otherwise;
 *  - FCGX_Detach() once: a close is then a plain close; without it libfcgi polls for up to 2 s;
 *  - the fd is blocking with short time-outs. nginx sends a request in one piece (it buffers the
 *    body), so a read that has begun ends at once; a peer that stops in the middle costs
 *    READ_TIMEOUT_MS and its connection;
 *  - stdin is read to its end before the request is handed on: while a request is parked,
 *    "readable" then means that nginx hung up (it never sends FCGI_ABORT_REQUEST);
 *  - a stream sends its head through libfcgi, then frees libfcgi's three buffers (16 KB) and
 *    writes FCGI_STDOUT records itself, without blocking. At its end: an empty STDOUT record and
 *    END_REQUEST by hand, since FCGX_Finish_r() sends nothing once its streams are gone. */
#include "api/fastcgi.h"

#include <errno.h>
#include <ev.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/log.h"
#include "base/mem.h"

#define READ_TIMEOUT_MS 1000

enum conn_state { CONN_IDLE, CONN_BUSY, CONN_STREAM, CONN_CLOSED };

struct conn {
    LIST_ENTRY(conn) link; /* all connections, or those to be freed */
    enum conn_state state;
    int fd;
    ev_io io;
    FCGX_Request fcgi;
    const struct fastcgi_owner *owner; /* NULL: nobody is told */
    void *user;
    char *body; /* of the present request */
    size_t body_n;
    unsigned char *queue; /* a stream's bytes that the socket did not take yet */
    size_t queue_n, queue_sent;
    int ends_after_queue; /* fastcgi_stream_end() while bytes are queued */
};

LIST_HEAD(conn_list, conn);

static struct {
    struct ev_loop *loop;
    fastcgi_request_fn on_request;
    struct acceptor acceptor;
    ev_prepare sweep; /* fed, never started: frees closed connections at the end of the turn */
    struct conn_list all, closed;
    int is_stopping;
    int busy;
} fastcgi;

static void on_conn_event(struct ev_loop *loop, ev_io *w, int revents);

/* ---- a connection's life -------------------------------------------------------------------- */

static void set_state(struct conn *c, enum conn_state state)
{
    int was_busy = c->state == CONN_BUSY || c->state == CONN_STREAM;
    int is_busy = state == CONN_BUSY || state == CONN_STREAM;
    fastcgi.busy += is_busy - was_busy;
    c->state = state;
}

static void watch(struct conn *c, int events)
{
    if (c->io.events != events) { /* ev_io_set always costs an epoll_ctl */
        ev_io_stop(fastcgi.loop, &c->io);
        ev_io_set(&c->io, c->fd, events);
    }
    ev_io_start(fastcgi.loop, &c->io);
}

static void forget_request(struct conn *c)
{
    free(c->body);
    free(c->queue);
    c->body = NULL;
    c->queue = NULL;
    c->body_n = c->queue_n = c->queue_sent = 0;
    c->ends_after_queue = 0;
    c->owner = NULL;
}

/* Idempotent. libfcgi may have closed the fd already. */
static void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    ev_io_stop(fastcgi.loop, &c->io);
    set_state(c, CONN_CLOSED);
    FCGX_Free(&c->fcgi, 1);
    forget_request(c);
    LIST_REMOVE(c, link);
    LIST_INSERT_HEAD(&fastcgi.closed, c, link);
    ev_feed_event(fastcgi.loop, &fastcgi.sweep, EV_CUSTOM);
}

static void on_sweep(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    struct conn *c;
    while ((c = LIST_FIRST(&fastcgi.closed))) {
        LIST_REMOVE(c, link);
        free(c);
    }
}

/* The request is over; nginx may send the next one on this connection. */
static void conn_idle(struct conn *c)
{
    forget_request(c);
    set_state(c, CONN_IDLE);
    if (c->fcgi.ipcFd < 0 || fastcgi.is_stopping)
        conn_close(c);
    else
        watch(c, EV_READ);
}

static void hang_up(struct conn *c)
{
    const struct fastcgi_owner *owner = c->owner;
    conn_close(c);
    if (owner)
        owner->on_hangup(c->user); /* c itself lives until the turn ends */
}

static void conn_new(int fd)
{
    struct timeval limit = {.tv_sec = READ_TIMEOUT_MS / 1000,
                            .tv_usec = READ_TIMEOUT_MS % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);

    struct conn *c = mem_calloc(1, sizeof *c);
    c->fd = fd;
    FCGX_InitRequest(&c->fcgi, -1, 0);
    c->fcgi.ipcFd = fd;
    c->fcgi.keepConnection = 1;
    FCGX_Detach(&c->fcgi);
    ev_init(&c->io, on_conn_event);
    c->io.data = c;
    LIST_INSERT_HEAD(&fastcgi.all, c, link);
    watch(c, EV_READ);
}

/* ---- reading a request ---------------------------------------------------------------------- */

/* Reads stdin to its end, keeping at most FASTCGI_BODY_MAX bytes; more leaves body NULL. */
static void read_body(struct conn *c)
{
    size_t announced = (size_t)strtoul(fastcgi_param(c, "CONTENT_LENGTH"), NULL, 10);
    char spill[4096];
    size_t room = announced <= FASTCGI_BODY_MAX ? announced : 0;
    char *body = mem_alloc(room + 1);
    size_t n = 0;
    int got;

    while (n < room && (got = FCGX_GetStr(body + n, (int)(room - n), c->fcgi.in)) > 0)
        n += (size_t)got;
    while (FCGX_GetStr(spill, sizeof spill, c->fcgi.in) > 0)
        ;
    body[n] = '\0';
    c->body_n = n;
    if (announced > FASTCGI_BODY_MAX) {
        free(body);
        body = NULL;
    }
    c->body = body;
}

/* libfcgi takes the end of what has come for the end of the parameters, or of the body. A request
 * whose sender died in the middle would be carried out with the rest missing. */
static int is_cut_off(struct conn *c)
{
    return FCGX_GetError(c->fcgi.in) != 0;
}

static void read_request(struct conn *c)
{
    /* On failure libfcgi closes the fd, which epoll must have forgotten before. A stop and a start
     * within one loop turn cost no system call. */
    ev_io_stop(fastcgi.loop, &c->io);
    if (FCGX_Accept_r(&c->fcgi) < 0 || is_cut_off(c)) {
        conn_close(c); /* nginx closed an idle connection, or sent what is not FastCGI */
        return;
    }
    read_body(c);
    if (is_cut_off(c)) {
        conn_close(c);
        return;
    }
    set_state(c, CONN_BUSY);
    ev_io_start(fastcgi.loop, &c->io);
    fastcgi.on_request(c);
}

const char *fastcgi_param(const struct conn *c, const char *name)
{
    const char *value = FCGX_GetParam(name, c->fcgi.envp);
    return value ? value : "";
}

int fastcgi_param_times(const struct conn *c, const char *name)
{
    int times = 0;
    size_t n = strlen(name);
    for (char **param = c->fcgi.envp; *param; param++)
        times += strncmp(*param, name, n) == 0 && (*param)[n] == '=';
    return times;
}

const char *fastcgi_body(const struct conn *c, size_t *n)
{
    *n = c->body_n;
    return c->body;
}

void fastcgi_set_owner(struct conn *c, const struct fastcgi_owner *owner, void *user)
{
    c->owner = owner;
    c->user = user;
}

/* ---- answering ------------------------------------------------------------------------------ */

void fastcgi_reply(struct conn *c, const char *head, size_t head_n, const char *body, size_t body_n)
{
    FCGX_PutStr(head, (int)head_n, c->fcgi.out);
    FCGX_PutStr("\r\n", 2, c->fcgi.out);
    FCGX_PutStr(body, (int)body_n, c->fcgi.out);
    /* It may close the fd (a failed write, or nginx without fastcgi_keep_conn). */
    ev_io_stop(fastcgi.loop, &c->io);
    FCGX_Finish_r(&c->fcgi);
    conn_idle(c);
}

void fastcgi_stream(struct conn *c, const char *head, size_t head_n)
{
    FCGX_PutStr(head, (int)head_n, c->fcgi.out);
    FCGX_PutStr("\r\n", 2, c->fcgi.out);
    FCGX_FFlush(c->fcgi.out);
    FCGX_FreeStream(&c->fcgi.in);
    FCGX_FreeStream(&c->fcgi.out);
    FCGX_FreeStream(&c->fcgi.err);
    forget_request(c);
    set_state(c, CONN_STREAM);
}

static void enqueue(struct conn *c, const unsigned char *bytes, size_t n)
{
    c->queue = mem_realloc(c->queue, c->queue_n + n);
    memcpy(c->queue + c->queue_n, bytes, n);
    c->queue_n += n;
}

/* 0 or -EPIPE; what the socket does not take is queued. */
static int send_or_queue(struct conn *c, const unsigned char *bytes, size_t n)
{
    ssize_t sent = 0;
    if (!c->queue_n) {
        sent = send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return -EPIPE;
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent < n) {
        enqueue(c, bytes + sent, n - (size_t)sent);
        watch(c, EV_READ | EV_WRITE);
    }
    return 0;
}

int fastcgi_send(struct conn *c, const unsigned char *record, size_t n)
{
    if (c->queue_n)
        return -EAGAIN;
    int err = send_or_queue(c, record, n);
    if (err)
        ev_feed_event(fastcgi.loop, &c->io, EV_READ); /* it will read the end of file and hang up */
    return err;
}

static void finish_stream(struct conn *c)
{
    FCGX_Free(&c->fcgi, 0);
    conn_idle(c);
}

void fastcgi_stream_end(struct conn *c)
{
    FCGI_EndRequestRecord end = {
        .header = {.version = FCGI_VERSION_1,
                   .type = FCGI_END_REQUEST,
                   .requestIdB0 = 1,
                   .contentLengthB0 = sizeof end.body},
        .body = {.protocolStatus = FCGI_REQUEST_COMPLETE},
    };
    unsigned char tail[FASTCGI_RECORD_HEADER + sizeof end];
    fastcgi_record_header(tail, 0);
    memcpy(tail + FASTCGI_RECORD_HEADER, &end, sizeof end);

    c->owner = NULL;
    if (send_or_queue(c, tail, sizeof tail))
        conn_close(c);
    else if (c->queue_n)
        c->ends_after_queue = 1;
    else
        finish_stream(c);
}

/* ---- loop events ---------------------------------------------------------------------------- */

static void on_stream_writable(struct conn *c)
{
    ssize_t sent = send(c->fd, c->queue + c->queue_sent, c->queue_n - c->queue_sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            hang_up(c);
        return;
    }
    c->queue_sent += (size_t)sent;
    if (c->queue_sent < c->queue_n)
        return;
    free(c->queue);
    c->queue = NULL;
    c->queue_n = c->queue_sent = 0;
    watch(c, EV_READ);
    if (c->ends_after_queue)
        finish_stream(c);
    else if (c->owner)
        c->owner->on_drained(c->user);
}

static void on_conn_event(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    struct conn *c = w->data;
    if (c->state == CONN_IDLE) {
        read_request(c);
        return;
    }
    if (revents & EV_READ) {
        /* A request is under way and all of it has been read: only the end of file can come. */
        char byte;
        ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            hang_up(c);
            return;
        }
    }
    if (revents & EV_WRITE && c->queue_n)
        on_stream_writable(c);
}

/* ---- start and stop ------------------------------------------------------------------------- */

void fastcgi_start(struct ev_loop *loop, int listen_fd, fastcgi_request_fn on_request)
{
    fastcgi.loop = loop;
    fastcgi.on_request = on_request;
    LIST_INIT(&fastcgi.all);
    LIST_INIT(&fastcgi.closed);
    FCGX_Init();
    ev_prepare_init(&fastcgi.sweep, on_sweep);
    ev_set_priority(&fastcgi.sweep, EV_MINPRI);
    /* Blocking, but bounded: conn_new() sets time-outs. */
    accept_start(&fastcgi.acceptor, loop, listen_fd, 0, conn_new);
}

void fastcgi_stop(void)
{
    fastcgi.is_stopping = 1;
    accept_stop(&fastcgi.acceptor);
    struct conn *c, *next;
    for (c = LIST_FIRST(&fastcgi.all); c; c = next) {
        next = LIST_NEXT(c, link);
        if (c->state == CONN_IDLE)
            conn_close(c);
    }
}

int fastcgi_busy(void)
{
    return fastcgi.busy;
}
