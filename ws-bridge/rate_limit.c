/* A bucket holds `burst` and fills up at `rate` a second. It is kept as the time when it will be
 * full again, so it needs no timer: what is taken moves that time on, and it may not lie further
 * ahead than an empty bucket takes to fill (the generic cell rate algorithm, ITU-T I.371).
 *
 * An address whose last connection has ended waits in the list `idle` until its buckets are full.
 * Each enter and leave looks at the head of that list, so the memory is bounded by the addresses
 * seen during the time that an empty bucket takes to fill. */
#include "ws-bridge/rate_limit.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mem.h"

#define NS 1000000000 /* in a second */
#define TABLE 1024    /* chains; a power of two */
/* What a message has round its text: a frame's head, and JSON's names, id and time. */
#define OVERHEAD_BYTES 128
#define ROOM_BURST_PART \
    2 /* of a second: a client's send queue (CHAT_QUEUE_BYTES) holds that much */

struct bucket {
    int64_t full_ns;
};

struct rate_limit {
    LIST_ENTRY(rate_limit) chain;
    TAILQ_ENTRY(rate_limit) idle; /* while n is 0 */
    uint64_t key;
    size_t n; /* connections */
    struct bucket messages, bytes;
};

LIST_HEAD(rate_limit_chain, rate_limit);
TAILQ_HEAD(rate_limit_queue, rate_limit);

static struct {
    struct rate_limit_rules rules;
    struct rate_limit_chain table[TABLE];
    struct rate_limit_queue idle;
    struct bucket room;
    size_t n;
} all;

/* ---- buckets -------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    return clock_mono_us() * 1000;
}

/* How much is in it. */
static int64_t level(struct bucket *b, int64_t rate, int64_t burst)
{
    int64_t now = now_ns();
    if (b->full_ns < now)
        b->full_ns = now;
    int64_t missing = (int64_t)((double)(b->full_ns - now) * (double)rate / NS + 0.999);
    return missing < burst ? burst - missing : 0;
}

static void take(struct bucket *b, int64_t rate, int64_t n)
{
    b->full_ns += (int64_t)((double)n * NS / (double)rate);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* IPv4: the address; IPv6: its first 64 bits, or the IPv4 address that is mapped into it. Those
 * that an IPv4 address gets begin with 0000:ffff, which no network has. */
static uint64_t key_of(const char *address)
{
    static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */
    unsigned char bytes[16];
    uint64_t key = 0;
    int first = 0, n = 8;
    if (inet_pton(AF_INET, address, bytes + 12) == 1)
        memcpy(bytes, MAPPED, sizeof MAPPED);
    else if (inet_pton(AF_INET6, address, bytes) != 1)
        return UINT64_MAX;
    if (memcmp(bytes, MAPPED, sizeof MAPPED) == 0) {
        first = 10;
        n = 6;
    }
    for (int i = first; i < first + n; i++)
        key = key << 8 | bytes[i];
    return key;
}

static size_t chain_of(uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (TABLE - 1); /* 2^64 / phi */
}

static struct rate_limit *find(uint64_t key)
{
    struct rate_limit *a;
    LIST_FOREACH(a, &all.table[chain_of(key)], chain)
    if (a->key == key)
        return a;
    return NULL;
}

static int is_full(const struct rate_limit *a, int64_t now)
{
    return a->messages.full_ns <= now && a->bytes.full_ns <= now;
}

/* Those at the head of `idle` whose buckets are full at that time. */
static void forget_full(int64_t now)
{
    struct rate_limit *a, *next;
    for (a = TAILQ_FIRST(&all.idle); a && is_full(a, now); a = next) {
        next = TAILQ_NEXT(a, idle);
        TAILQ_REMOVE(&all.idle, a, idle);
        LIST_REMOVE(a, chain);
        free(a);
        all.n--;
    }
}

struct rate_limit *rate_limit_enter(const char *address)
{
    if (!all.rules.rate)
        return NULL;
    forget_full(now_ns());
    uint64_t key = key_of(address);
    struct rate_limit *a = find(key);
    if (!a) {
        a = mem_calloc(1, sizeof *a);
        a->key = key;
        LIST_INSERT_HEAD(&all.table[chain_of(key)], a, chain);
        all.n++;
    } else if (!a->n) {
        TAILQ_REMOVE(&all.idle, a, idle);
    }
    a->n++;
    return a;
}

void rate_limit_leave(struct rate_limit *a)
{
    if (!a)
        return;
    if (--a->n == 0)
        TAILQ_INSERT_TAIL(&all.idle, a, idle);
    forget_full(now_ns());
}

size_t rate_limit_addresses(void)
{
    return all.n;
}

/* ---- taking --------------------------------------------------------------------------------- */

/* A burst is at least twice the longest message, so that one with all its frames' heads and escapes
 * fits. */
static int64_t at_least_a_message(int64_t burst)
{
    int64_t least = 2 * (int64_t)all.rules.max_bytes;
    return burst > least ? burst : least;
}

size_t rate_limit_take_bytes(struct rate_limit *a, size_t n)
{
    if (!a || !all.rules.bytes_rate)
        return n;
    int64_t left =
        level(&a->bytes, all.rules.bytes_rate, at_least_a_message(all.rules.bytes_burst));
    if ((int64_t)n > left)
        n = (size_t)left;
    take(&a->bytes, all.rules.bytes_rate, (int64_t)n);
    return n;
}

int rate_limit_take_message(struct rate_limit *a)
{
    if (!a)
        return 1;
    if (level(&a->messages, all.rules.rate, all.rules.burst) < 1)
        return 0;
    take(&a->messages, all.rules.rate, 1);
    return 1;
}

int rate_limit_take_room(size_t n)
{
    int64_t cost = (int64_t)n + OVERHEAD_BYTES, rate = all.rules.room_rate;
    if (!all.rules.rate || !rate)
        return 1;
    if (level(&all.room, rate, at_least_a_message(rate / ROOM_BURST_PART)) < cost)
        return 0;
    take(&all.room, rate, cost);
    return 1;
}

/* ---- all of them ---------------------------------------------------------------------------- */

void rate_limit_start(const struct rate_limit_rules *rules)
{
    memset(&all, 0, sizeof all);
    all.rules = *rules;
    TAILQ_INIT(&all.idle);
}

void rate_limit_stop(void)
{
    forget_full(INT64_MAX);
}
