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
 *   --resume         a client that is cut off comes back, with ?after=<its last id>, and says again
 * what was not accepted (implies --json)
 *   --opened FILE    creates FILE when all are in
 *
 * A text begins with the time it was sent (microseconds), so a latency is that of the whole way:
 * here, nginx, bridge, Redis, bridge, nginx, here. It has its talker's own number as well. At each
 * client is counted what is lost, repeated and reordered, by these numbers and by ids, and whether
 * all saw the same order. What went wrong for a talker is counted by kind: a message written to a
 * line that was cut; an error frame; with keys also what was never accepted. Exits 1 when anything
 * was lost, repeated, reordered or not accepted, or when a connection was refused or closed (with
 * --resume: when one could not come back). */
#include "tests/bench/chatload.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define TICK_S 0.01
#define END_S 10
#define TALKERS_MAX 256

struct options option = {.port = 8000,
                         .clients = 1000,
                         .connect = 2000,
                         .talkers = 10,
                         .rate = 100,
                         .size = 64,
                         .seconds = 10};
struct load load;

const char *const TROUBLE_NAMES[TROUBLES] = {
    [CUT] = "written to a cut line", [FULL] = "socket full", [NOT_SENT] = "not_sent",
    [UNKNOWN] = "unknown",           [MISSED] = "missed",    [OTHER] = "another error",
};

/* ---- the run -------------------------------------------------------------------------------- */

/* Has every client seen every message, and every talker got its answers? */
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
