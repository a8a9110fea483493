/* A client's frames. The first byte sets the longest message, the second how the rest is cut: the
 * same events must come out however the bytes came in. */
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "ws-bridge/frames.h"
#include "ws-bridge/protocol.h"

#define EVENTS_MAX 8192

/* What came out: kinds, sizes, codes and a sum of the bytes. */
struct record {
    size_t max, n;
    int is_over;
    uint64_t events[EVENTS_MAX];
};

static void note(struct record *r, uint64_t kind, uint64_t what)
{
    MUST(!r->is_over);
    if (r->n < EVENTS_MAX)
        r->events[r->n++] = kind << 56 ^ what;
}

static uint64_t sum(const char *bytes, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = h * 31 + (unsigned char)bytes[i];
    return h & UINT64_C(0xffffffffffff);
}

/* As what a JSON client says, and as what comes over the channel. */
static void read_as_json(const char *text, size_t n)
{
    struct protocol_post said;
    struct chat_line line;
    const char *wrong = protocol_post_parse(text, n, &said);
    if (!wrong) {
        MUST(utf8_length(said.text, said.text_len) >= 0);
        MUST(utf8_length(said.user, strlen(said.user)) <= PROTOCOL_USER_MAX);
        MUST(!*said.color || strlen(said.color) == 7);
    } else {
        MUST(*wrong);
    }
    MUST(!*said.key || text_is_key(said.key));
    protocol_post_release(&said);
    if (chat_line_parse(text, n, &line) == 0) {
        free(protocol_message_json(&line, &n));
        chat_line_release(&line);
    }
}

static void on_text(void *arg, const char *text, size_t n)
{
    struct record *r = arg;
    MUST(n <= r->max);
    MUST(utf8_length(text, n) >= 0);
    note(r, 1, sum(text, n));
    read_as_json(text, n);
}

static void on_ping(void *arg, const char *bytes, size_t n)
{
    MUST(n <= 125);
    note(arg, 2, sum(bytes, n));
}

static void on_pong(void *arg)
{
    note(arg, 3, 0);
}

static void on_close(void *arg, int code)
{
    struct record *r = arg;
    MUST(code >= 1000 && code < 5000);
    note(r, 4, (uint64_t)code);
    r->is_over = 1;
}

static void on_broken(void *arg, int code, const char *why)
{
    struct record *r = arg;
    MUST(code == WS_PROTOCOL || code == WS_UNSUPPORTED || code == WS_NOT_UTF8 ||
         code == WS_TOO_BIG);
    MUST(*why);
    note(r, 5, (uint64_t)code);
    r->is_over = 1;
}

static const struct frames_events EVENTS = {.on_text = on_text,
                                            .on_ping = on_ping,
                                            .on_pong = on_pong,
                                            .on_close = on_close,
                                            .on_broken = on_broken};

/* Pieces of `step` bytes, then one more, and so on; 0 = all at once. */
static void feed(struct record *r, size_t max, size_t step, const uint8_t *data, size_t n)
{
    struct frames f;
    frames_init(&f, max);
    *r = (struct record){.max = max};
    for (size_t at = 0; at < n;) {
        size_t piece = step && step < n - at ? step : n - at;
        char *bytes = malloc(piece); /* of its exact size */
        memcpy(bytes, data + at, piece);
        frames_feed(&f, &EVENTS, r, bytes, piece);
        free(bytes);
        at += piece;
        step += step > 1;
    }
    MUST(!f.is_over == !r->is_over);
    frames_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record whole, pieces;
    if (size < 3)
        return 0;
    size_t max = (size_t)data[0] * 16;
    feed(&whole, max, 0, data + 2, size - 2);
    feed(&pieces, max, 1 + data[1] % 9, data + 2, size - 2);
    MUST(whole.n == pieces.n);
    MUST(memcmp(whole.events, pieces.events, whole.n * sizeof whole.events[0]) == 0);
    return 0;
}
