/* streamload: opens many event streams at once, checks every one, measures every event.
 *
 *   streamload [options] < paths           one path a line, e.g. /order/<id>/live-status
 *
 *   --port N         127.0.0.1:N (8000)
 *   --rate N         connections opened a second (5000)
 *   --repeat N       opens each path N times (1)
 *   --seconds N      stops after so long even if streams are open (0 = when all have ended)
 *   --opened FILE    creates FILE when every stream has sent its first byte of the body
 *   --ticks          events without an id, one a second: measures how far from a second apart they
 * come
 *
 * For each stream the ids must rise by one: it counts what is lost, repeated and reordered. The
 * latency of an event is from its own "timestamp" to its arrival here (one clock: one machine);
 * of the first event of a stream, a snapshot, it is not counted. With --ticks it is a stream's
 * jitter instead: the time between two events of it, less a second, whatever the sign. Exits 1 when
 * anything was lost, repeated, reordered or broken off. Speaks HTTP/1.0, so that nginx sends the
 * body as it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX_BYTES 65536
#define TICK_S 0.01
#define REPORT_S 1.0
#define BETWEEN_TICKS_MS 1000

enum stream_state { CONNECTING, HEAD, BODY, DONE };

struct stream {
    enum stream_state state;
    const char *path;
    int fd;
    ev_io io;
    struct buf in;
    long id;      /* of the event being read; -1 = none */
    long last_id; /* of the event before; -1 = none */
    long n_events;
    int has_ended; /* event: end */
    int64_t at_ms; /* the event's own time; 0 = none */
    int64_t last_arrival_ms;
    char event[16];
};

static struct {
    int port, rate, repeat, seconds, ticks;
    const char *opened_file;
} option = {.port = 8000, .rate = 5000, .repeat = 1};

static struct {
    struct ev_loop *loop;
    struct stream *streams;
    size_t n, n_started, n_open, n_done;
    double may_start;
    ev_timer start, report, stop;
    long events, lost, repeated, reordered, refused, broken, ended;
    int64_t *latency_ms;
    size_t n_latencies, latency_room;
    int64_t began_ms;
} load;

/* ---- one event ------------------------------------------------------------------------------ */

static void record_latency(int64_t ms)
{
    if (load.n_latencies == load.latency_room) {
        load.latency_room = load.latency_room ? load.latency_room * 2 : 65536;
        load.latency_ms = mem_realloc(load.latency_ms, load.latency_room * sizeof *load.latency_ms);
    }
    load.latency_ms[load.n_latencies++] = ms;
}

static void record_jitter(struct stream *s)
{
    int64_t now_ms = clock_mono_ms();
    if (s->n_events > 0)
        record_latency(llabs(now_ms - s->last_arrival_ms - BETWEEN_TICKS_MS));
    s->last_arrival_ms = now_ms;
}

static void check_id(struct stream *s)
{
    if (s->last_id >= 0) {
        if (s->id == s->last_id)
            load.repeated++;
        else if (s->id < s->last_id)
            load.reordered++;
        else if (s->id > s->last_id + 1)
            load.lost += s->id - s->last_id - 1;
    }
    s->last_id = s->id;
}

static void end_of_event(struct stream *s)
{
    if (strcmp(s->event, "end") == 0) {
        s->has_ended = 1;
    } else if (s->id >= 0 || (option.ticks && s->n_events >= 0 && s->at_ms != 0)) {
        load.events++;
        if (s->id >= 0)
            check_id(s);
        if (option.ticks)
            record_jitter(s);
        else if (s->at_ms > 0 && s->n_events > 0)
            record_latency(clock_wall_ms() - s->at_ms);
        s->n_events++;
    }
    s->id = -1;
    s->at_ms = 0;
    s->event[0] = '\0';
}

static void read_line(struct stream *s, const char *line)
{
    static const char TIMESTAMP[] = "\"timestamp\":\"";
    if (*line == '\0') {
        end_of_event(s);
    } else if (strncmp(line, "id: ", 4) == 0) {
        s->id = (long)text_to_int_or(line + 4, -1);
    } else if (strncmp(line, "event: ", 7) == 0) {
        snprintf(s->event, sizeof s->event, "%s", line + 7);
    } else if (strncmp(line, "data: ", 6) == 0) {
        const char *time = strstr(line, TIMESTAMP);
        char at[32];
        snprintf(at, sizeof at, "%.24s", time ? time + sizeof TIMESTAMP - 1 : "");
        s->at_ms = time ? clock_parse_rfc3339(at) : -1;
    }
}

/* ---- one stream ----------------------------------------------------------------------------- */

static void finish(struct stream *s)
{
    if (s->state == DONE)
        return;
    if (s->state == BODY && s->has_ended)
        load.ended++;
    else if (s->state == BODY)
        load.broken++;
    else
        load.refused++;
    if (s->state == BODY)
        load.n_open--;
    ev_io_stop(load.loop, &s->io);
    close(s->fd);
    buf_release(&s->in);
    s->state = DONE;
    if (++load.n_done == load.n)
        ev_break(load.loop, EVBREAK_ALL);
}

static void tell_opened(void)
{
    if (load.n_open != load.n || !option.opened_file)
        return;
    int fd = open(option.opened_file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    option.opened_file = NULL;
}

/* The answer's head: 0 = not all of it yet, -1 = not a stream. */
static int read_head(struct stream *s)
{
    char *end = strstr(s->in.data, "\r\n\r\n");
    if (!end)
        return 0;
    if (strncmp(s->in.data, "HTTP/1.1 200", 12) != 0)
        return -1;
    buf_consume(&s->in, (size_t)(end + 4 - s->in.data));
    s->state = BODY;
    load.n_open++;
    tell_opened();
    return 1;
}

static void read_lines(struct stream *s)
{
    size_t done = 0;
    char *newline;
    while ((newline = memchr(s->in.data + done, '\n', s->in.len - done))) {
        *newline = '\0';
        read_line(s, s->in.data + done);
        done = (size_t)(newline + 1 - s->in.data);
    }
    buf_consume(&s->in, done);
}

static void on_stream(struct ev_loop *loop, ev_io *w, int revents)
{
    struct stream *s = w->data;
    char bytes[16384];
    if (s->state == CONNECTING && revents & EV_WRITE) {
        char request[512];
        int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
                         s->path);
        if (send(s->fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
            finish(s);
            return;
        }
        s->state = HEAD;
        ev_io_stop(loop, w);
        ev_io_set(w, s->fd, EV_READ);
        ev_io_start(loop, w);
        return;
    }
    ssize_t n = recv(s->fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || buf_add(&s->in, bytes, (size_t)n)) {
        finish(s);
        return;
    }
    if (s->state == HEAD && read_head(s) < 0)
        finish(s);
    else if (s->state == BODY && s->in.len)
        read_lines(s);
}

static void start_stream(struct stream *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || (connect(s->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        perror("streamload: cannot connect");
        exit(1);
    }
    s->in.max = LINE_MAX_BYTES;
    s->id = s->last_id = -1;
    ev_io_init(&s->io, on_stream, s->fd, EV_WRITE);
    s->io.data = s;
    ev_io_start(load.loop, &s->io);
}

/* ---- the run -------------------------------------------------------------------------------- */

static void on_start(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    load.may_start += option.rate * TICK_S;
    while (load.n_started < load.n && load.may_start >= 1) {
        start_stream(&load.streams[load.n_started++]);
        load.may_start -= 1;
    }
    if (load.n_started == load.n)
        ev_timer_stop(loop, w);
}

static void on_report(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    fprintf(stderr, "\r%zu open, %zu done, %ld events  ", load.n_open, load.n_done, load.events);
}

static void on_stop(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static long quantile(double q)
{
    if (!load.n_latencies)
        return 0;
    return (long)load.latency_ms[(size_t)((double)(load.n_latencies - 1) * q)];
}

/* With --ticks every stream must have had about the same number of events. */
static void tick_range(long *ret_min, long *ret_max)
{
    *ret_min = load.n ? load.streams[0].n_events : 0;
    *ret_max = 0;
    for (size_t i = 0; i < load.n; i++) {
        long n = load.streams[i].n_events;
        *ret_min = n < *ret_min ? n : *ret_min;
        *ret_max = n > *ret_max ? n : *ret_max;
    }
}

static int summary(void)
{
    long min, max;
    qsort(load.latency_ms, load.n_latencies, sizeof *load.latency_ms, compare);
    tick_range(&min, &max);
    fprintf(stderr, "\n");
    printf("streams %zu  ended %ld  refused %ld  broken off %ld\n", load.n, load.ended,
           load.refused, load.broken);
    printf("events %ld  lost %ld  repeated %ld  reordered %ld  a stream %ld to %ld\n", load.events,
           load.lost, load.repeated, load.reordered, min, max);
    printf("latency ms  min %ld  p50 %ld  p90 %ld  p99 %ld  p99.9 %ld  max %ld  (%zu measured)\n",
           quantile(0), quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999), quantile(1),
           load.n_latencies);
    printf("seconds %.1f\n", (double)(clock_mono_ms() - load.began_ms) / 1000);
    return load.lost || load.repeated || load.reordered || load.refused || load.broken;
}

static void read_paths(void)
{
    char line[512];
    size_t room = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        char *path = mem_strdup(line);
        for (int i = 0; i < option.repeat; i++) {
            if (load.n == room) {
                room = room ? room * 2 : 1024;
                load.streams = mem_realloc(load.streams, room * sizeof *load.streams);
            }
            load.streams[load.n++] = (struct stream){.path = path};
        }
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"port", 1, NULL, 'p'},    {"rate", 1, NULL, 'r'},   {"repeat", 1, NULL, 'n'},
        {"seconds", 1, NULL, 's'}, {"opened", 1, NULL, 'o'}, {"ticks", 0, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        switch (c) {
        case 'p':
            option.port = (int)text_to_int_or(optarg, 0);
            break;
        case 'r':
            option.rate = (int)text_to_int_or(optarg, 0);
            break;
        case 'n':
            option.repeat = (int)text_to_int_or(optarg, 0);
            break;
        case 's':
            option.seconds = (int)text_to_int_or(optarg, 0);
            break;
        case 'o':
            option.opened_file = optarg;
            break;
        case 't':
            option.ticks = 1;
            break;
        default:
            fprintf(stderr, "see the head of tests/bench/streamload.c\n");
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    read_options(argc, argv);
    read_paths();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    load.loop = ev_default_loop(0);
    load.began_ms = clock_mono_ms();
    ev_timer_init(&load.start, on_start, 0., TICK_S);
    ev_timer_start(load.loop, &load.start);
    ev_timer_init(&load.report, on_report, REPORT_S, REPORT_S);
    ev_timer_start(load.loop, &load.report);
    ev_timer_init(&load.stop, on_stop, option.seconds, 0.);
    if (option.seconds)
        ev_timer_start(load.loop, &load.stop);
    if (load.n)
        ev_run(load.loop, 0);
    return summary();
}
