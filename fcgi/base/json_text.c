#include "base/json_text.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static int is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static int is_space(char c)
{
    return is_one_of(c, " \t\r\n");
}

static void skip(struct json_part *p, size_t n)
{
    p->at += n;
    p->n -= n;
}

/* ---- numbers -------------------------------------------------------------------------------- */

#define EXPONENT_MAX 1000000000 /* of no text so long as ours does it matter by how much more */

/* A number's digits without the point, and how many of them stand before it: digits × 10^(point -
 * count). */
struct decimal {
    const char *at;
    size_t n;
    long long point;
};

static struct decimal read_decimal(struct json_part number)
{
    size_t mantissa = 0, whole;
    while (mantissa < number.n && !is_one_of(number.at[mantissa], "eE"))
        mantissa++;
    const char *dot = memchr(number.at, '.', mantissa);
    whole = dot ? (size_t)(dot - number.at) : mantissa;
    long long exponent = 0;
    int is_negative = 0;
    for (size_t i = mantissa + 1; i < number.n; i++) {
        if (isdigit((unsigned char)number.at[i]) && exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (number.at[i] - '0');
        is_negative |= number.at[i] == '-';
    }
    return (struct decimal){number.at, mantissa,
                            (long long)whole + (is_negative ? -exponent : exponent)};
}

/* value × 10 + digit; downwards, since the lowest number has no counterpart above. */
static int append_digit(int64_t *value, int digit)
{
    return __builtin_mul_overflow(*value, 10, value) ||
           __builtin_sub_overflow(*value, digit, value);
}

int json_text_integer(struct json_part number, int64_t *ret)
{
    int is_negative = *number.at == '-';
    if (is_negative)
        skip(&number, 1);
    struct decimal d = read_decimal(number);
    int64_t value = 0;
    long long place = 0; /* digits seen */
    int err = 0;
    for (size_t i = 0; i < d.n; i++) {
        if (d.at[i] == '.')
            continue;
        int digit = d.at[i] - '0';
        if (place++ >= d.point && digit)
            return -EPROTO; /* behind the point */
        if (place <= d.point && !err)
            err = append_digit(&value, digit) ? -ERANGE : 0;
    }
    for (; place < d.point && value && !err; place++)
        err = append_digit(&value, 0) ? -ERANGE : 0;
    if (!err && !is_negative && __builtin_sub_overflow((int64_t)0, value, &value))
        err = -ERANGE;
    if (!err)
        *ret = value;
    return err;
}

/* By a 64-bit integer, or by a double (whose last power of ten is left out: it has it in part). */
static int can_be_held(struct json_part number, int is_plain)
{
    int64_t value;
    if (is_plain)
        return json_text_integer(number, &value) == 0;
    struct decimal d = read_decimal(number);
    size_t zeros = 0; /* that lead, with the sign and the point */
    while (zeros < d.n && is_one_of(d.at[zeros], "-0."))
        zeros++;
    return zeros == d.n || d.point - (long long)zeros <= DBL_MAX_10_EXP;
}

/* ---- the grammar ---------------------------------------------------------------------------- */

/* A level of nesting is a byte here (an object, or an array), not a frame of our stack. */
struct checker {
    const char *at, *end;
    const char *what; /* the first thing that is wrong; NULL so far */
    int depth, depth_max;
    unsigned char is_object[JSON_TEXT_DEPTH_MAX + 1];
    const char *odd, *odd_at; /* the first thing that is good JSON and no value of ours */
};

static int fail(struct checker *c, const char *what)
{
    if (!c->what)
        c->what = c->at == c->end ? "it ends too early" : what;
    return -EPROTO;
}

static void note_odd(struct checker *c, const char *what)
{
    if (c->odd)
        return;
    c->odd = what;
    c->odd_at = c->at;
}

static int peek(const struct checker *c)
{
    return c->at < c->end ? (unsigned char)*c->at : -1;
}

static int take(struct checker *c, char byte)
{
    if (peek(c) != byte)
        return 0;
    c->at++;
    return 1;
}

static void skip_spaces(struct checker *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

/* At least one digit. */
static int check_digits(struct checker *c)
{
    if (!isdigit(peek(c)))
        return fail(c, "a number is not written as JSON has it");
    while (isdigit(peek(c)))
        c->at++;
    return 0;
}

/* Section 6 */
static int check_number(struct checker *c)
{
    struct json_part number = {c->at, 0};
    int is_plain = 1, is_zero;
    (void)take(c, '-');
    is_zero = peek(c) == '0';
    if (is_zero)
        c->at++;
    else if (check_digits(c))
        return -EPROTO;
    if (take(c, '.')) {
        is_plain = 0;
        if (check_digits(c))
            return -EPROTO;
    }
    if (take(c, 'e') || take(c, 'E')) {
        is_plain = 0;
        if (!take(c, '+'))
            (void)take(c, '-');
        if (check_digits(c))
            return -EPROTO;
    }
    number.n = (size_t)(c->at - number.at);
    if (!can_be_held(number, is_plain))
        note_odd(c, "a number is too large");
    return isdigit(peek(c)) ? fail(c, "a number begins with 0") : 0;
}

static int hex_value(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = (unsigned char)at[i];
        value = value * 16 + (isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
    }
    return value;
}

/* The four digits behind \u. */
static int check_hex(struct checker *c, int *ret)
{
    const char *digits = c->at;
    for (int i = 0; i < 4; i++) {
        if (!isxdigit(peek(c)))
            return fail(c, "a \\u escape has not four hexadecimal digits");
        c->at++;
    }
    *ret = hex_value(digits);
    return 0;
}

static int is_high(int unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static int is_low(int unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

#define HALF "an escape is half a character (a lone surrogate)"

/* Behind a backslash. *high: the escape just before was the first half of a pair. */
static int check_escape(struct checker *c, int *high)
{
    int unit = 0;
    if (take(c, 'u')) {
        if (check_hex(c, &unit))
            return -EPROTO;
    } else if (c->at < c->end && is_one_of(*c->at, "\"\\/bfnrt")) {
        c->at++;
    } else {
        return fail(c, "an escape that JSON does not have");
    }
    if (*high != is_low(unit))
        note_odd(c, HALF);
    *high = is_high(unit);
    return 0;
}

/* Section 7 */
static int check_string(struct checker *c)
{
    int high = 0;
    if (!take(c, '"'))
        return fail(c, "a string in double quotes is expected");
    while (c->at < c->end && *c->at != '"') {
        if ((unsigned char)*c->at < 0x20)
            return fail(c, "a control character in a string is not escaped");
        if (take(c, '\\')) {
            if (check_escape(c, &high))
                return -EPROTO;
        } else {
            if (high)
                note_odd(c, HALF);
            high = 0;
            c->at++;
        }
    }
    if (high)
        note_odd(c, HALF);
    return take(c, '"') ? 0 : fail(c, "a string has no end");
}

static int check_word(struct checker *c, const char *word)
{
    for (; *word; word++)
        if (!take(c, *word))
            return fail(c, "a word that JSON does not have");
    return 0;
}

static int check_name(struct checker *c)
{
    skip_spaces(c);
    if (check_string(c))
        return -EPROTO;
    skip_spaces(c);
    return take(c, ':') ? 0 : fail(c, "a colon is expected");
}

/* Behind an opening bracket. True when there is something in it, and that comes next. */
static int enter(struct checker *c, int is_object)
{
    if (c->depth == c->depth_max) {
        c->what = "it is nested too deep";
        return 0;
    }
    skip_spaces(c);
    if (take(c, is_object ? '}' : ']'))
        return 0;
    c->is_object[++c->depth] = (unsigned char)is_object;
    return !is_object || !check_name(c);
}

/* One value, or the opening of one. True when another value must follow: it was an opening. */
static int begin_value(struct checker *c)
{
    skip_spaces(c);
    if (take(c, '{'))
        return enter(c, 1);
    if (take(c, '['))
        return enter(c, 0);
    if (peek(c) == '"')
        (void)check_string(c);
    else if (peek(c) == '-' || isdigit(peek(c)))
        (void)check_number(c);
    else if (peek(c) == 't')
        (void)check_word(c, "true");
    else if (peek(c) == 'f')
        (void)check_word(c, "false");
    else if (peek(c) == 'n')
        (void)check_word(c, "null");
    else
        (void)fail(c, "a value is expected");
    return 0;
}

/* Behind a value: closes what ends here. True when another value follows. */
static int goes_on(struct checker *c)
{
    for (skip_spaces(c); c->depth && !c->what; skip_spaces(c)) {
        int is_object = c->is_object[c->depth];
        if (take(c, ','))
            return !is_object || !check_name(c);
        if (!take(c, is_object ? '}' : ']'))
            (void)fail(c, is_object ? "a comma or } is expected" : "a comma or ] is expected");
        c->depth--;
    }
    return 0;
}

static size_t line_at(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

int json_text_check(const char *bytes, size_t n, int depth_max, struct json_error *ret_odd,
                    struct json_error *ret_error)
{
    struct checker c = {.at = bytes, .end = bytes + n, .depth_max = depth_max};
    if (utf8_length(bytes, n) < 0)
        c.what = "it is not valid UTF-8";
    while (!c.what && (begin_value(&c) || goes_on(&c)))
        ;
    if (!c.what && c.at < c.end)
        c.what = "something follows the value";
    if (c.what) {
        *ret_error = (struct json_error){c.what, line_at(bytes, c.at), (size_t)(c.at - bytes)};
        return -EPROTO;
    }
    const char *odd_at = c.odd ? c.odd_at : bytes;
    *ret_odd = (struct json_error){c.odd, line_at(bytes, odd_at), (size_t)(odd_at - bytes)};
    return 0;
}

/* ---- the parts of a checked text ------------------------------------------------------------ */

/* Spaces, and what stands between two values. */
static void skip_between(struct json_part *p)
{
    while (p->n && is_one_of(*p->at, " \t\r\n,:"))
        skip(p, 1);
}

static size_t string_length(struct json_part text)
{
    size_t i = 1;
    while (text.at[i] != '"')
        i += text.at[i] == '\\' ? 2 : 1;
    return i + 1;
}

/* The bytes of the value that stands first. */
static size_t value_length(struct json_part text)
{
    size_t i = 0, depth = 0;
    do {
        char c = text.at[i];
        if (c == '"') {
            i += string_length((struct json_part){text.at + i, text.n - i});
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        i++;
        if (!depth && c != '}' && c != ']') /* a number or a word: to its end */
            while (i < text.n && !is_one_of(text.at[i], " \t\r\n,]}"))
                i++;
    } while (depth);
    return i;
}

struct json_part json_text_value(const char *bytes, size_t n)
{
    struct json_part value = {bytes, n};
    skip_between(&value);
    value.n = value_length(value);
    return value;
}

int json_text_next(struct json_part *rest, struct json_part *ret_name, struct json_part *ret_value)
{
    if (rest->n && *rest->at == '{')
        skip(rest, 1);
    skip_between(rest);
    if (!rest->n || *rest->at == '}')
        return 0;
    *ret_name = (struct json_part){rest->at, string_length(*rest)};
    skip(rest, ret_name->n);
    skip_between(rest);
    *ret_value = (struct json_part){rest->at, value_length(*rest)};
    skip(rest, ret_value->n);
    return 1;
}

/* ---- strings -------------------------------------------------------------------------------- */

static size_t encode_utf8(int c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const int LEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(LEAD[n] | c);
    return n;
}

/* What the escape at *at stands for, -1 for half a character; *at moves behind it. */
static int decode_escape(const char **at)
{
    static const char LETTERS[] = "bfnrt", MEANINGS[] = "\b\f\n\r\t";
    char letter = (*at)[1];
    *at += 2;
    if (letter != 'u') {
        const char *found = strchr(LETTERS, letter);
        return found ? MEANINGS[found - LETTERS] : letter;
    }
    int unit = hex_value(*at);
    *at += 4;
    if (is_high(unit) && (*at)[0] == '\\' && (*at)[1] == 'u' && is_low(hex_value(*at + 2))) {
        int low = hex_value(*at + 2);
        *at += 6;
        return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    return is_high(unit) || is_low(unit) ? -1 : unit;
}

char *json_text_string(struct json_part string, size_t *ret_n)
{
    const char *at = string.at + 1, *end = string.at + string.n - 1;
    char *out = mem_alloc(string.n); /* an escape is longer than what it stands for */
    size_t o = 0;
    while (at < end) {
        if (*at != '\\') {
            out[o++] = *at++;
            continue;
        }
        int c = decode_escape(&at);
        if (c < 0) {
            free(out);
            return NULL;
        }
        o += encode_utf8(c, out + o);
    }
    out[o] = '\0';
    *ret_n = o;
    return out;
}
