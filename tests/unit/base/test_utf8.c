#include "tests/unit/support/test.h"

#include <string.h>

#include "base/utf8.h"

#define SEQUENCE(text) text, sizeof(text) - 1

/* RFC 3629, section 4, at both ends of every row, and what lies just outside. */
static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    long characters; /* -1 = not UTF-8 */
} CASES[] = {
    {"nothing", SEQUENCE(""), 0},
    {"NUL is a character", SEQUENCE("\0"), 1},
    {"ASCII", SEQUENCE("Curry"), 5},
    {"U+007F", SEQUENCE("\x7f"), 1},
    {"U+0080", SEQUENCE("\xc2\x80"), 1},
    {"U+07FF", SEQUENCE("\xdf\xbf"), 1},
    {"U+0800", SEQUENCE("\xe0\xa0\x80"), 1},
    {"U+0FFF", SEQUENCE("\xe0\xbf\xbf"), 1},
    {"U+1000", SEQUENCE("\xe1\x80\x80"), 1},
    {"U+CFFF", SEQUENCE("\xec\xbf\xbf"), 1},
    {"U+D7FF, last before the surrogates", SEQUENCE("\xed\x9f\xbf"), 1},
    {"U+E000, first after the surrogates", SEQUENCE("\xee\x80\x80"), 1},
    {"U+FEFF, byte order mark", SEQUENCE("\xef\xbb\xbf"), 1},
    {"U+FFFF", SEQUENCE("\xef\xbf\xbf"), 1},
    {"U+10000", SEQUENCE("\xf0\x90\x80\x80"), 1},
    {"U+3FFFF", SEQUENCE("\xf0\xbf\xbf\xbf"), 1},
    {"U+40000", SEQUENCE("\xf1\x80\x80\x80"), 1},
    {"U+FFFFF", SEQUENCE("\xf3\xbf\xbf\xbf"), 1},
    {"U+10FFFF, the last", SEQUENCE("\xf4\x8f\xbf\xbf"), 1},
    {"mixed lengths", SEQUENCE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\x9b!"), 5},
    {"combining marks count for themselves", SEQUENCE("e\xcc\x81"), 2},

    {"lone continuation 80", SEQUENCE("\x80"), -1},
    {"lone continuation BF", SEQUENCE("\xbf"), -1},
    {"continuation after ASCII", SEQUENCE("a\x80"), -1},
    {"continuation after a whole character", SEQUENCE("\xc3\xa9\x80"), -1},
    {"overlong NUL, C0 80", SEQUENCE("\xc0\x80"), -1},
    {"overlong slash, C0 AF", SEQUENCE("\xc0\xaf"), -1},
    {"overlong U+007F, C1 BF", SEQUENCE("\xc1\xbf"), -1},
    {"overlong NUL, E0 80 80", SEQUENCE("\xe0\x80\x80"), -1},
    {"overlong U+07FF, E0 9F BF", SEQUENCE("\xe0\x9f\xbf"), -1},
    {"overlong NUL, F0 80 80 80", SEQUENCE("\xf0\x80\x80\x80"), -1},
    {"overlong U+FFFF, F0 8F BF BF", SEQUENCE("\xf0\x8f\xbf\xbf"), -1},
    {"surrogate U+D800", SEQUENCE("\xed\xa0\x80"), -1},
    {"surrogate U+DFFF", SEQUENCE("\xed\xbf\xbf"), -1},
    {"surrogate pair (CESU-8)", SEQUENCE("\xed\xa0\xbd\xed\xb8\x80"), -1},
    {"above the end, F4 90 80 80", SEQUENCE("\xf4\x90\x80\x80"), -1},
    {"above the end, F5 80 80 80", SEQUENCE("\xf5\x80\x80\x80"), -1},
    {"five bytes, F8", SEQUENCE("\xf8\x88\x80\x80\x80"), -1},
    {"six bytes, FC", SEQUENCE("\xfc\x84\x80\x80\x80\x80"), -1},
    {"FE", SEQUENCE("\xfe"), -1},
    {"FF", SEQUENCE("\xff"), -1},
    {"second of two is ASCII", SEQUENCE("\xc3("), -1},
    {"second of two is a lead", SEQUENCE("\xc3\xc3"), -1},
    {"second of three is ASCII", SEQUENCE("\xe2(\xa1"), -1},
    {"third of three is ASCII", SEQUENCE("\xe2\x82("), -1},
    {"second of four is ASCII", SEQUENCE("\xf0(\x8c\xbc"), -1},
    {"third of four is ASCII", SEQUENCE("\xf0\x90(\xbc"), -1},
    {"fourth of four is ASCII", SEQUENCE("\xf0\x90\x8c("), -1},
    {"fourth of four is C0", SEQUENCE("\xf0\x90\x8c\xc0"), -1},
    {"bad after much good", SEQUENCE("all is well until here \xff"), -1},
};

static void length_by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        long got = utf8_length(guarded(CASES[i].bytes, CASES[i].n), CASES[i].n);
        if (got != CASES[i].characters)
            fail_msg("%s: %ld, expected %ld", CASES[i].name, got, CASES[i].characters);
    }
}

static size_t encode(unsigned long code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(LEADS[n] | code);
    return n;
}

static void every_code_point(void **state)
{
    (void)state;
    for (unsigned long code = 0; code <= 0x1fffff; code++) {
        char bytes[4];
        size_t n = encode(code, bytes);
        int is_scalar = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        if (utf8_length(bytes, n) != (is_scalar ? 1 : -1))
            fail_msg("U+%04lX", code);
    }
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char bytes[] = {(char)a, (char)b};
            int is_one = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            long expected = a < 0x80 && b < 0x80 ? 2 : is_one ? 1 : -1;
            if (utf8_length(bytes, 2) != expected)
                fail_msg("%02x %02x", a, b);
        }
}

static void every_truncation_is_refused_without_over_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        if (CASES[i].characters != 1 || CASES[i].n == 1)
            continue;
        for (size_t n = 1; n < CASES[i].n; n++)
            if (utf8_length(guarded(CASES[i].bytes, n), n) != -1)
                fail_msg("%s, cut after byte %zu", CASES[i].name, n);
        /* the same behind other text */
        char bytes[16] = "abc";
        memcpy(bytes + 3, CASES[i].bytes, CASES[i].n);
        for (size_t n = 1; n < CASES[i].n; n++)
            if (utf8_length(guarded(bytes, 3 + n), 3 + n) != -1)
                fail_msg("abc and %s, cut after byte %zu", CASES[i].name, n);
    }
}

static void control_characters_by_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t n;
        int has;
    } TABLE[] = {
        {"nothing", SEQUENCE(""), 0},
        {"plain", SEQUENCE("Curry, 2 portions ~"), 0},
        {"NUL", SEQUENCE("a\0b"), 1},
        {"tab", SEQUENCE("a\tb"), 1},
        {"newline at the end", SEQUENCE("a\n"), 1},
        {"carriage return first", SEQUENCE("\ra"), 1},
        {"escape", SEQUENCE("\x1b[31m"), 1},
        {"U+001F", SEQUENCE("\x1f"), 1},
        {"space", SEQUENCE(" "), 0},
        {"DEL", SEQUENCE("a\x7f"), 1},
        {"U+0080", SEQUENCE("\xc2\x80"), 1},
        {"U+0085, next line", SEQUENCE("a\xc2\x85z"), 1},
        {"U+009F", SEQUENCE("\xc2\x9f"), 1},
        {"U+00A0, no-break space", SEQUENCE("\xc2\xa0"), 0},
        {"a continuation that looks like C1", SEQUENCE("\xc4\x85\xe2\x82\x85"), 0},
        {"curry emoji", SEQUENCE("\xf0\x9f\x8d\x9b"), 0},
    };
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (utf8_has_control(guarded(TABLE[i].bytes, TABLE[i].n), TABLE[i].n) != TABLE[i].has)
            fail_msg("%s", TABLE[i].name);
}

static void controls_become_spaces(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *kept, *wanted;
    } TABLE[] = {
        {SEQUENCE(""), "", ""},
        {SEQUENCE("a\0b\x1b[2J\x7f"), "\n\t", "a b [2J "},
        {SEQUENCE("a\r\nb\tc"), "\n\t", "a \nb\tc"},
        {SEQUENCE("a\r\nb\tc"), "", "a  b c"},
        {SEQUENCE("a\xc2\x85z\xc2\x9b\xc2\xa0"), "\n\t", "a z \xc2\xa0"},
        {SEQUENCE("a\xe2\x80\xa8z\xe2\x80\xa9"), "\n\t", "a\xe2\x80\xa8z\xe2\x80\xa9"},
        {SEQUENCE("a\xe2\x80\xa8z\xe2\x80\xa9"), "", "a z "},
        {SEQUENCE("\xe2\x80\xae\xf0\x9f\x8d\x9b"), "", "\xe2\x80\xae\xf0\x9f\x8d\x9b"},
    };
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        char out[64];
        size_t n = TABLE[i].n;
        size_t got = utf8_blank_controls(guarded(TABLE[i].bytes, n), n, TABLE[i].kept, out);
        assert_int_equal(got, strlen(TABLE[i].wanted));
        assert_memory_equal(out, TABLE[i].wanted, got);
        assert_false(utf8_has_control_but(out, got, TABLE[i].kept));
    }
}

/* Every case of the table, cut in two everywhere and byte by byte: the same verdict. */
static void in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        size_t n = CASES[i].n;
        for (size_t cut = 0; cut <= n; cut++) {
            struct utf8_stream two = {0}, bytes = {0};
            int bad = utf8_feed(&two, guarded(CASES[i].bytes, cut), cut) ||
                      utf8_feed(&two, guarded(CASES[i].bytes + cut, n - cut), n - cut) ||
                      !utf8_is_whole(&two);
            int bad_bytes = 0;
            for (size_t k = 0; k < n && !bad_bytes; k++)
                bad_bytes = utf8_feed(&bytes, CASES[i].bytes + k, 1) != 0;
            bad_bytes = bad_bytes || !utf8_is_whole(&bytes);
            if (bad != (CASES[i].characters < 0) || bad_bytes != bad)
                fail_msg("%s, cut at %zu", CASES[i].name, cut);
        }
    }
}

static void a_bad_byte_is_found_at_once(void **state)
{
    struct utf8_stream s = {0};
    (void)state;
    assert_int_equal(utf8_feed(&s, "a long text of ASCII \xf0\x9f", 23), 0);
    assert_false(utf8_is_whole(&s));
    assert_int_equal(utf8_feed(&s, "(", 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_by_table),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(every_truncation_is_refused_without_over_read),
        cmocka_unit_test(control_characters_by_table),
        cmocka_unit_test(controls_become_spaces),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(a_bad_byte_is_found_at_once),
    };
    return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
