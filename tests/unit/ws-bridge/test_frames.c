/* Frames from scripted bytes: the same events at every cut, and a close code for every rule. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws-bridge/frames.h"

#define MAX_BYTES 300

/* ---- what a client sends -------------------------------------------------------------------- */

struct script {
    size_t n;
    char bytes[70000];
};

static void add_header(struct script *s, int fin_opcode, size_t n)
{
    s->bytes[s->n++] = (char)fin_opcode;
    if (n < 126) {
        s->bytes[s->n++] = (char)(0x80 | n);
        return;
    }
    int extra = n < 65536 ? 2 : 8;
    s->bytes[s->n++] = (char)(0x80 | (extra == 2 ? 126 : 127));
    for (int i = extra - 1; i >= 0; i--)
        s->bytes[s->n++] = (char)(n >> (8 * i));
}

/* A masked frame. `fin_opcode`: 0x81 is a whole text, 0x01 its first part, 0x80 its last … */
static void add_bytes(struct script *s, int fin_opcode, const char *payload, size_t n)
{
    static const char KEY[4] = {0x37, (char)0xfa, 0x21, 0x3d};
    add_header(s, fin_opcode, n);
    memcpy(s->bytes + s->n, KEY, 4);
    s->n += 4;
    for (size_t i = 0; i < n; i++)
        s->bytes[s->n++] = (char)(payload[i] ^ KEY[i % 4]);
}

static void add(struct script *s, int fin_opcode, const char *payload)
{
    add_bytes(s, fin_opcode, payload, strlen(payload));
}

static void add_close(struct script *s, int code, const char *reason)
{
    char payload[126];
    int n = snprintf(payload, sizeof payload, "??%s", reason);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    add_bytes(s, 0x88, payload, (size_t)n);
}

/* ---- what comes out, as one line of text ---------------------------------------------------- */

static char seen[70000];

static void see(const char *what, const char *bytes, size_t n)
{
    size_t at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "%s(%.*s) ", what, (int)n, bytes);
}

static void on_text(void *arg, const char *text, size_t n)
{
    (void)arg;
    see("text", text, n);
}

static void on_ping(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    see("ping", bytes, n);
}

static void on_pong(void *arg)
{
    (void)arg;
    see("pong", "", 0);
}

static void see_code(const char *what, int code)
{
    char text[16];
    snprintf(text, sizeof text, "%d", code);
    see(what, text, strlen(text));
}

static void on_close(void *arg, int code)
{
    (void)arg;
    see_code("close", code);
}

static void on_broken(void *arg, int code, const char *why)
{
    (void)arg;
    assert_true(*why);
    see_code("broken", code);
}

static const struct frames_events EVENTS = {.on_text = on_text,
                                            .on_ping = on_ping,
                                            .on_pong = on_pong,
                                            .on_close = on_close,
                                            .on_broken = on_broken};

/* Feeds the script in pieces of `step` bytes, the first one of `first`. */
static const char *feed(const struct script *s, size_t first, size_t step, size_t max)
{
    struct frames f;
    frames_init(&f, max);
    seen[0] = '\0';
    for (size_t at = 0; at < s->n;) {
        size_t want = at == 0 ? first : step, n = want < s->n - at ? want : s->n - at;
        frames_feed(&f, &EVENTS, NULL, guarded(s->bytes + at, n), n);
        at += n;
    }
    if (!f.is_over && !f.in_message)
        assert_null(f.message.data); /* nothing is kept between messages */
    frames_release(&f);
    return seen;
}

/* All at once, byte by byte, and cut in two at every place. */
static void expect(const struct script *s, const char *events)
{
    assert_string_equal(feed(s, s->n, s->n, MAX_BYTES), events);
    assert_string_equal(feed(s, 1, 1, MAX_BYTES), events);
    assert_string_equal(feed(s, 7, 3, MAX_BYTES), events);
    for (size_t cut = 1; cut < s->n; cut++)
        assert_string_equal(feed(s, cut, s->n, MAX_BYTES), events);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void messages(void **state)
{
    struct script s = {0};
    (void)state;
    add(&s, 0x81, "Hello");
    add(&s, 0x81, "");
    add(&s, 0x81, "caf\xc3\xa9 \xf0\x9f\x8d\x9b");
    expect(&s, "text(Hello) text() text(caf\xc3\xa9 \xf0\x9f\x8d\x9b) ");
}

static void fragments_with_control_frames_between(void **state)
{
    struct script s = {0};
    (void)state;
    add(&s, 0x01, "ca");
    add(&s, 0x89, "are you there?");
    add(&s, 0x00, "f\xc3"); /* cut within a character */
    add(&s, 0x8a, "");
    add(&s, 0x00, "");
    add(&s, 0x80, "\xa9!");
    add(&s, 0x81, "next");
    expect(&s, "ping(are you there?) pong() text(caf\xc3\xa9!) text(next) ");
}

static void a_message_of_empty_fragments(void **state)
{
    struct script s = {0};
    (void)state;
    add(&s, 0x01, "");
    add(&s, 0x00, "");
    add(&s, 0x80, "");
    add(&s, 0x01, "");
    add(&s, 0x80, "x");
    expect(&s, "text() text(x) ");
}

static void lengths_of_every_form(void **state)
{
    static const size_t SIZES[] = {0, 1, 125, 126, 127, 4086, 4090, 4096, 65535, 65536};
    static char text[65537], events[65600];
    (void)state;
    for (size_t i = 0; i < LENGTH(SIZES); i++) {
        static struct script s;
        s.n = 0;
        memset(text, 'x', SIZES[i]);
        text[SIZES[i]] = '\0';
        add(&s, 0x81, text);
        snprintf(events, sizeof events, "text(%s) ", text);
        assert_string_equal(feed(&s, s.n, s.n, 65536), events);
        assert_string_equal(feed(&s, 3, 1000, 65536), events);
        assert_string_equal(feed(&s, 4096, 4096, 65536), events);
    }
}

static void closes(void **state)
{
    static const struct {
        int code;
        const char *events;
    } CODES[] = {
        {1000, "close(1000) "},  {1001, "close(1001) "},  {1011, "close(1011) "},
        {1014, "close(1014) "},  {3000, "close(3000) "},  {4999, "close(4999) "},
        {0, "broken(1002) "},    {999, "broken(1002) "},  {1004, "broken(1002) "},
        {1005, "broken(1002) "}, {1006, "broken(1002) "}, {1015, "broken(1002) "},
        {2999, "broken(1002) "}, {5000, "broken(1002) "}, {65535, "broken(1002) "},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CODES); i++) {
        struct script s = {0};
        add_close(&s, CODES[i].code, "bye");
        add(&s, 0x81, "not read any more");
        expect(&s, CODES[i].events);
    }
}

static void broken_rules(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        int code;
    } CASES[] = {
#define BYTES(text) text, sizeof(text) - 1
        {"not masked", BYTES("\x81\x01x"), 1002},
        {"RSV1", BYTES("\xc1\x81\0\0\0\0x"), 1002},
        {"RSV3", BYTES("\x91\x81\0\0\0\0x"), 1002},
        {"opcode 3", BYTES("\x83\x81\0\0\0\0x"), 1002},
        {"opcode B", BYTES("\x8b\x81\0\0\0\0x"), 1002},
        {"binary", BYTES("\x82\x81\0\0\0\0x"), 1003},
        {"nothing to continue", BYTES("\x80\x81\0\0\0\0x"), 1002},
        {"text within a text", BYTES("\x01\x81\0\0\0\0x\x81\x81\0\0\0\0x"), 1002},
        {"a ping in parts", BYTES("\x09\x80\0\0\0\0"), 1002},
        {"a long ping", BYTES("\x89\xfe\x00\x7e\0\0\0\0"), 1002},
        {"a length that is not minimal", BYTES("\x81\xfe\x00\x05\0\0\0\0abcde"), 1002},
        {"a length over 2^63", BYTES("\x81\xff\xff\0\0\0\0\0\0\0\0\0\0\0"), 1002},
        {"half a close code", BYTES("\x88\x81\0\0\0\0\x03"), 1002},
        {"a reason that is not UTF-8", BYTES("\x88\x83\0\0\0\0\x03\xe8\xff"), 1007},
        {"not UTF-8", BYTES("\x81\x81\0\0\0\0\xff"), 1007},
        {"a surrogate", BYTES("\x81\x83\0\0\0\0\xed\xa0\x80"), 1007},
        {"ends within a character", BYTES("\x81\x81\0\0\0\0\xc3"), 1007},
        {"fragments that end within one", BYTES("\x01\x81\0\0\0\0\xc3\x80\x80\0\0\0\0"), 1007},
        {"too long by its header", BYTES("\x81\xff\0\0\0\0\0\x01\0\0\0\0\0\0x"), 1009},
        {"too long by its sum",
         BYTES("\x01\x81\0\0\0\0x\x80\xfe\x01\x2c\0\0\0\0xxxxxxxxxxxxxxxxxxxxxxx"), 1009},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        struct script s = {.n = CASES[i].n};
        char events[32];
        memcpy(s.bytes, CASES[i].bytes, s.n);
        snprintf(events, sizeof events, "broken(%d) ", CASES[i].code);
        if (strcmp(feed(&s, s.n, s.n, MAX_BYTES), events) != 0)
            fail_msg("%s: %s", CASES[i].name, seen);
        expect(&s, events);
    }
}

/* Bad text is found with its first bad byte, not at the message's end. */
static void bad_text_fails_fast(void **state)
{
    struct script s = {0};
    (void)state;
    add_bytes(&s, 0x01, "ok", 2);
    add_bytes(&s, 0x00, "\xc0 and more", 10);
    assert_string_equal(feed(&s, s.n - 9, s.n, MAX_BYTES), "broken(1007) ");
}

static void the_longest_message_passes(void **state)
{
    static char text[MAX_BYTES + 2];
    struct script s = {0};
    (void)state;
    memset(text, 'x', MAX_BYTES);
    add(&s, 0x81, text);
    add(&s, 0x01, "x");
    add(&s, 0x80, text + 1);
    assert_non_null(strstr(feed(&s, 5, 5, MAX_BYTES), ") text(x"));
    text[MAX_BYTES] = 'x';
    s.n = 0;
    add(&s, 0x81, text);
    assert_string_equal(feed(&s, 5, 5, MAX_BYTES), "broken(1009) ");
}

/* A context is borrowed only within a frame. */
static void idle_ones_hold_nothing(void **state)
{
    struct frames f;
    struct script s = {0};
    (void)state;
    add(&s, 0x01, "part");
    frames_init(&f, MAX_BYTES);
    frames_feed(&f, &EVENTS, NULL, s.bytes, s.n - 1);
    assert_true(frames_is_inside(&f));
    frames_feed(&f, &EVENTS, NULL, s.bytes + s.n - 1, 1);
    assert_false(frames_is_inside(&f));
    frames_release(&f);
}

static int free_pool(void **state)
{
    (void)state;
    frames_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(fragments_with_control_frames_between),
        cmocka_unit_test(a_message_of_empty_fragments),
        cmocka_unit_test(lengths_of_every_form),
        cmocka_unit_test(closes),
        cmocka_unit_test(broken_rules),
        cmocka_unit_test(bad_text_fails_fast),
        cmocka_unit_test(the_longest_message_passes),
        cmocka_unit_test(idle_ones_hold_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, free_pool);
}
