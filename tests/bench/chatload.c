/* chatload: many WebSocket clients in the support chat, a few of them talking; checks every
 * delivery and measures it.
 *
 *   chatload [options]
 *
 *   --port N         127.0.0.1:N (8000)
 *   --clients N      (1000)
 *   --connect N      connections opened a second (2000)
 *   --talkers N      clients that send (10)
 *   --rate N         messages a second, of all talkers together (100)
 *   --size N         bytes of a message's text (64)
 *   --seconds N      how long they talk (10); then up to 10 s for what is on its way
 *   --json           tiffin.chat.v1: ids are checked too, and each message has a key
 *   --resume         whoever is cut off comes back, with ?after=<its last id>, and says again what
 *                    was not accepted (implies --json)
 *   --opened FILE    creates FILE when all are in
 *
 * A text begins with the time it was sent (microseconds), so a latency is that of the whole way:
 * here, nginx, bridge, Redis, bridge, nginx, here. It has its talker's own number as well. At each
 * client is counted what is lost, repeated and reordered, by these numbers and by ids, and whether
 * all saw the same order. What went wrong for a talker is counted by kind: a message written to a
 * line that was cut; an error frame; with keys also what was never accepted. Exits 1 when anything
 * was lost, repeated, reordered or not accepted, or when a connection was refused or closed (with
 * --resume: when one could not come back). */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

#define TICK_S 0.01
#define READ_BYTES 262144
#define SLOTS 10001 /* of a latency, ms; the last is "more" */
#define END_S 10
#define RETRY_S 0.2
#define TALKERS_MAX 256
#define UNACCEPTED_MAX 4096 /* of one talker's numbers: older ones have been accepted */

enum state { WAITING, CONNECTING, HEAD, OPEN, CLOSED };

/* What may go wrong for a talker. */
enum trouble { CUT, FULL, NOT_SENT, UNKNOWN, MISSED, OTHER, TROUBLES };

static const char *const TROUBLE_NAMES[TROUBLES] = {
    [CUT] = "written to a cut line", [FULL] = "socket full", [NOT_SENT] = "not_sent",
    [UNKNOWN] = "unknown",           [MISSED] = "missed",    [OTHER] = "another error",
};

struct client {
    enum state state;
    int fd, number;
    ev_io io;
    ev_timer retry;
    char *left; /* of the last read: an incomplete frame */
    size_t n_left;
    long last_id;   /* JSON: the last one seen; -1 = none */
    long n_seen;    /* messages */
    uint64_t order; /* a hash over what it saw, in its order */
    long *heard;    /* the last number of each talker; -1 = none */
    long n_sent;    /* numbers that it has given */
    /* With keys: when each of its last numbers was said first, at number % UNACCEPTED_MAX; 0 once
     * it was accepted. */
    int64_t *unaccepted_us;
};

static struct {
    int port, clients, connect, talkers, rate, size, seconds, json, resume;
    const char *opened_file;
} option = {.port = 8000,
            .clients = 1000,
            .connect = 2000,
            .talkers = 10,
            .rate = 100,
            .size = 64,
            .seconds = 10};

static struct {
    struct ev_loop *loop;
    struct client *clients;
    int n_started, n_open, is_talking;
    double may_start, may_say;
    ev_timer tick, report;
    long sent, seen, lost, repeated, reordered, refused, broken, back;
    long unaccepted, said_again, stored_before, troubles[TROUBLES];
    long latency[SLOTS];
    int64_t began_us, talk_us, end_us, last_seen_us;
    char in[READ_BYTES + 70000];
} load;

static void start(struct client *c);
static void say_again(struct client *c, long number);
static void say_all_again(struct client *c);

/* ---- what comes in -------------------------------------------------------------------------- */

static void record(int64_t sent_us, int64_t now_us)
{
    int64_t ms = (now_us - sent_us) / 1000;
    load.latency[ms < 0 ? 0 : ms >= SLOTS ? SLOTS - 1 : ms]++;
}

static void check_row(long *last, long number)
{
    if (number > *last + 1)
        load.lost += number - *last - 1;
    else if (number == *last)
        load.repeated++;
    else if (number < *last)
        load.reordered++;
    *last = number;
}

/* "<us> <talker> <number> …" */
static void take_text(struct client *c, const char *text, int64_t now_us)
{
    char *end;
    int64_t sent_us = strtoll(text, &end, 10);
    long talker = strtol(end, &end, 10), number = strtol(end, &end, 10);
    if (sent_us < load.began_us || talker < 0 || talker >= option.talkers)
        return; /* another one's */
    check_row(&c->heard[talker], number);
    c->order = c->order * 1099511628211U + (uint64_t)(talker * 1000003 + number);
    c->n_seen++;
    load.seen++;
    load.last_seen_us = now_us;
    record(sent_us, now_us);
}

static int begins(const char *json, size_t n, const char *with)
{
    return n > strlen(with) && memcmp(json, with, strlen(with)) == 0;
}

/* The number in a key of ours, "<talker>-<number>-…"; -1 for none. */
static long number_of_key(const struct client *c, const char *json)
{
    const char *key = strstr(json, "\"key\":\"");
    char *end;
    if (!key || strtol(key + 7, &end, 10) != c->number || *end != '-')
        return -1;
    long number = strtol(end + 1, NULL, 10);
    return number < c->n_sent ? number : -1;
}

static void take_accepted(struct client *c, const char *json)
{
    long number = number_of_key(c, json);
    if (strstr(json, "\"repeated\":true"))
        load.stored_before++;
    if (number < 0 || !c->unaccepted_us[number % UNACCEPTED_MAX])
        return;
    c->unaccepted_us[number % UNACCEPTED_MAX] = 0;
    load.unaccepted--;
}

static void take_error(struct client *c, const char *json)
{
    enum trouble t = OTHER;
    for (int i = NOT_SENT; i < OTHER; i++) {
        char code[40];
        snprintf(code, sizeof code, "\"error\":\"%s\"", TROUBLE_NAMES[i]);
        if (strstr(json, code))
            t = (enum trouble)i;
    }
    load.troubles[t]++;
    long number = number_of_key(c, json);
    if (number >= 0 && t != OTHER)
        say_again(c, number);
}

/* One object, or a history frame with many; our own texts need no unescaping. */
static void take_json(struct client *c, char *json, size_t n, int64_t now_us)
{
    static const char ID[] = "\"id\":", TEXT[] = "\"text\":\"";
    char *at = json, *end = json + n;
    if (begins(json, n, "{\"type\":\"accepted\"")) {
        take_accepted(c, json);
        return;
    }
    if (begins(json, n, "{\"type\":\"error\"")) {
        take_error(c, json);
        return;
    }
    while ((at = memmem(at, (size_t)(end - at), ID, sizeof ID - 1))) {
        long id = strtol(at + sizeof ID - 1, NULL, 10);
        if (c->last_id >= 0)
            check_row(&c->last_id, id);
        c->last_id = id;
        char *text = memmem(at, (size_t)(end - at), TEXT, sizeof TEXT - 1);
        if (!text)
            return;
        at = text + sizeof TEXT - 1;
        take_text(c, at, now_us);
    }
}

static void send_frame(struct client *c, int opcode, const char *payload, size_t n)
{
    static const char KEY[4] = {1, 2, 3, 4};
    char frame[66000];
    size_t at = 0;
    frame[at++] = (char)(0x80 | opcode);
    if (n < 126) {
        frame[at++] = (char)(0x80 | n);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(n >> 8);
        frame[at++] = (char)n;
    }
    memcpy(frame + at, KEY, 4);
    at += 4;
    for (size_t i = 0; i < n; i++)
        frame[at++] = (char)(payload[i] ^ KEY[i % 4]);
    ssize_t sent = send(c->fd, frame, at, MSG_NOSIGNAL);
    if (sent != (ssize_t)at) /* a full socket: too much for this tool */
        load.troubles[sent < 0 && errno != EAGAIN ? CUT : FULL]++;
}

static void take_frame(struct client *c, int opcode, char *payload, size_t n, int64_t now_us)
{
    char after = payload[n]; /* NUL-terminated for a moment */
    payload[n] = '\0';
    if (opcode == 0x9)
        send_frame(c, 0xa, payload, n);
    else if (opcode == 0x1 && option.json)
        take_json(c, payload, n, now_us);
    else if (opcode == 0x1 && n > 9 && memcmp(payload, "Message: ", 9) == 0)
        take_text(c, payload + 9, now_us);
    payload[n] = after;
}

/* All whole frames of the bytes. -> how many bytes they were */
static size_t take_frames(struct client *c, char *bytes, size_t n)
{
    size_t done = 0;
    int64_t now_us = clock_mono_us();
    while (n - done >= 2) {
        const unsigned char *head = (const unsigned char *)bytes + done;
        size_t extra = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8, len = head[1];
        if (n - done < 2 + extra)
            break;
        for (size_t i = 0; i < extra; i++)
            len = (i ? len << 8 : 0) | head[2 + i];
        if (n - done < 2 + extra + len)
            break;
        take_frame(c, head[0] & 15, bytes + done + 2 + extra, len, now_us);
        done += 2 + extra + len;
    }
    return done;
}

/* ---- one client ----------------------------------------------------------------------------- */

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

static void start(struct client *c)
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

/* ---- the run -------------------------------------------------------------------------------- */

/* The text holds when it was said first, so that a latency is that of all its attempts. */
static void say(struct client *c, long number, int64_t said_us)
{
    static char padding[65536];
    char text[65536], frame[66000];
    if (!padding[0])
        memset(padding, 'x', sizeof padding - 1);
    int n = snprintf(text, sizeof text, "%lld %d %ld ", (long long)said_us, c->number, number);
    int fill = option.size > n ? option.size - n : 0;
    n += snprintf(text + n, sizeof text - (size_t)n, "%.*s", fill, padding);
    if (!option.json) {
        send_frame(c, 0x1, text, (size_t)n);
        return;
    }
    n = snprintf(frame, sizeof frame, "{\"key\":\"%d-%ld-chatload-%lld\",\"text\":\"%s\"}",
                 c->number, number, (long long)load.began_us, text);
    send_frame(c, 0x1, frame, (size_t)n);
}

static void say_next(struct client *c)
{
    int64_t now_us = clock_mono_us();
    if (option.json && c->unaccepted_us[c->n_sent % UNACCEPTED_MAX])
        return; /* so many before it wait for their answer */
    if (option.json) {
        c->unaccepted_us[c->n_sent % UNACCEPTED_MAX] = now_us;
        load.unaccepted++;
    }
    load.sent++;
    say(c, c->n_sent++, now_us);
}

static void say_again(struct client *c, long number)
{
    if (!c->unaccepted_us[number % UNACCEPTED_MAX])
        return;
    load.said_again++;
    say(c, number, c->unaccepted_us[number % UNACCEPTED_MAX]);
}

static void say_all_again(struct client *c)
{
    long first = c->n_sent > UNACCEPTED_MAX ? c->n_sent - UNACCEPTED_MAX : 0;
    for (long number = first; option.json && number < c->n_sent; number++)
        say_again(c, number);
}

/* Has everybody seen everything? */
static int is_complete(void)
{
    for (int i = 0; i < option.clients; i++) {
        const struct client *c = &load.clients[i];
        if (c->state != OPEN || c->n_seen != load.sent)
            return 0;
    }
    return load.unaccepted == 0;
}

static void talk(int64_t now_us)
{
    static int next;
    if (now_us >= load.talk_us + option.seconds * 1000000LL) {
        load.end_us = load.end_us ? load.end_us : now_us;
        int is_over = now_us > load.end_us + END_S * 1000000LL;
        if (is_over || is_complete())
            ev_break(load.loop, EVBREAK_ALL);
        return;
    }
    static int64_t last_us;
    load.may_say += last_us ? option.rate * (double)(now_us - last_us) / 1e6 : 0;
    last_us = now_us;
    while (load.may_say >= 1) {
        load.may_say -= 1;
        struct client *c = &load.clients[next++ % option.talkers];
        if (c->state == OPEN)
            say_next(c);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    int64_t now_us = clock_mono_us();
    load.may_start += option.connect * TICK_S;
    while (load.n_started < option.clients && load.may_start >= 1) {
        load.may_start -= 1;
        start(&load.clients[load.n_started++]);
    }
    if (!load.is_talking && load.n_open == option.clients) {
        load.is_talking = 1;
        load.talk_us = now_us + 500000; /* joins and history first */
    }
    if (load.is_talking && now_us >= load.talk_us)
        talk(now_us);
    if (!load.is_talking && load.refused && load.n_started == option.clients)
        ev_break(load.loop, EVBREAK_ALL);
}

static void on_report(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    fprintf(stderr, "\r%d open, %ld sent, %ld seen  ", load.n_open, load.sent, load.seen);
}

static long quantile(double q)
{
    long total = 0, sum = 0;
    for (int i = 0; i < SLOTS; i++)
        total += load.latency[i];
    for (int i = 0; i < SLOTS; i++) {
        sum += load.latency[i];
        if (total && (double)sum >= q * (double)total)
            return i;
    }
    return 0;
}

static int summary(void)
{
    long short_ones = 0, other_orders = 0;
    double seconds = (double)(load.last_seen_us - load.talk_us) / 1e6;
    for (int i = 0; i < option.clients; i++) {
        const struct client *c = &load.clients[i];
        if (c->n_seen != load.sent)
            short_ones++;
        else if (c->order != load.clients[0].order)
            other_orders++;
    }
    fprintf(stderr, "\n");
    printf("clients %d  refused %ld  closed %ld  came back %ld\n", option.clients, load.refused,
           load.broken, load.back);
    printf("messages %ld (%.0f/s)  deliveries %ld (%.0f/s)\n", load.sent,
           (double)load.sent / seconds, load.seen, (double)load.seen / seconds);
    printf("lost %ld  repeated %ld  reordered %ld  clients without all %ld  in another order %ld\n",
           load.lost, load.repeated, load.reordered, short_ones, other_orders);
    if (option.json)
        printf("said again %ld  of them stored before %ld  never accepted %ld\n", load.said_again,
               load.stored_before, load.unaccepted);
    for (int i = 0; i < TROUBLES; i++)
        if (load.troubles[i])
            printf("%s: %ld\n", TROUBLE_NAMES[i], load.troubles[i]);
    printf("latency ms  p50 %ld  p90 %ld  p99 %ld  p99.9 %ld  max %ld\n", quantile(0.5),
           quantile(0.9), quantile(0.99), quantile(0.999), quantile(1));
    return load.lost || load.repeated || load.reordered || load.refused || load.broken ||
           short_ones || other_orders || load.unaccepted;
}

static void read_options(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"port", 1, NULL, 'p'},    {"clients", 1, NULL, 'c'}, {"connect", 1, NULL, 'o'},
        {"talkers", 1, NULL, 't'}, {"rate", 1, NULL, 'r'},    {"size", 1, NULL, 's'},
        {"seconds", 1, NULL, 'd'}, {"opened", 1, NULL, 'f'},  {"json", 0, NULL, 'j'},
        {"resume", 0, NULL, 'a'},  {NULL, 0, NULL, 0},
    };
    int *const TO[128] = {
        ['p'] = &option.port,    ['c'] = &option.clients, ['o'] = &option.connect,
        ['t'] = &option.talkers, ['r'] = &option.rate,    ['s'] = &option.size,
        ['d'] = &option.seconds,
    };
    int c;
    while ((c = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        if (c == 'j' || c == 'a') {
            option.json = 1;
            option.resume |= c == 'a';
        } else if (c == 'f') {
            option.opened_file = optarg;
        } else if (c > 0 && c < 128 && TO[c]) {
            *TO[c] = (int)text_to_int_or(optarg, 0);
        } else {
            fprintf(stderr, "see the head of tests/bench/chatload.c\n");
            exit(2);
        }
    }
    if (option.talkers > option.clients)
        option.talkers = option.clients;
    if (option.talkers > TALKERS_MAX)
        option.talkers = TALKERS_MAX;
    if (option.size > 65000)
        option.size = 65000;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    read_options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    load.clients = mem_calloc((size_t)option.clients, sizeof *load.clients);
    for (int i = 0; i < option.clients; i++) {
        struct client *c = &load.clients[i];
        c->number = i;
        c->last_id = -1;
        c->heard = mem_alloc(TALKERS_MAX * sizeof *c->heard);
        for (int k = 0; k < TALKERS_MAX; k++)
            c->heard[k] = -1;
        if (option.json && i < option.talkers)
            c->unaccepted_us = mem_calloc(UNACCEPTED_MAX, sizeof *c->unaccepted_us);
    }
    load.loop = ev_default_loop(0);
    load.began_us = clock_mono_us();
    ev_timer_init(&load.tick, on_tick, 0., TICK_S);
    ev_timer_start(load.loop, &load.tick);
    ev_timer_init(&load.report, on_report, 1., 1.);
    ev_timer_start(load.loop, &load.report);
    ev_run(load.loop, 0);
    return summary();
}
