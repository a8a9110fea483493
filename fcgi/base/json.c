/* json_text.c decides what JSON is, so json-c sees good texts alone, whatever its version lets
 * pass.
 *
 * json-c 0.18 (Debian 13) in strict mode takes every byte above 0x7f for a control character where
 * char is signed. So what is not ASCII is handed to it as escapes, which mean the same. */
#include "base/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "base/mem.h"

#define ESCAPED_MAX 3 /* a byte becomes at most so many: U+0080, two bytes, is \u0080 */

/* Decodes one character of valid UTF-8; returns its bytes. */
static size_t decode(const unsigned char *p, uint32_t *ret)
{
    if (p[0] < 0xe0) {
        *ret = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (p[0] < 0xf0) {
        *ret = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return 3;
    }
    *ret = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
           (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    return 4;
}

/* The text in ASCII, with a NUL, which ends a number that ends the text. */
static char *to_ascii(const char *bytes, size_t n, size_t *ret_n)
{
    char *out = mem_alloc(n * ESCAPED_MAX + 1);
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        if ((unsigned char)bytes[i] < 0x80) {
            out[o++] = bytes[i++];
            continue;
        }
        i += decode((const unsigned char *)bytes + i, &c);
        if (c >= 0x10000) { /* a surrogate pair: RFC 8259, section 7 */
            o += (size_t)sprintf(out + o, "\\u%04x", 0xd800 + (unsigned)((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        o += (size_t)sprintf(out + o, "\\u%04x", (unsigned)c);
    }
    out[o] = '\0';
    *ret_n = o;
    return out;
}

int json_parse(const char *bytes, size_t n, int depth_max, struct json_object **ret,
               struct json_error *ret_error)
{
    size_t ascii_n;
    struct json_error odd;
    if (json_text_check(bytes, n, depth_max, &odd, ret_error))
        return -EPROTO;
    *ret_error = odd;
    if (odd.what)
        return -EPROTO;
    char *ascii = to_ascii(bytes, n, &ascii_n);
    struct json_tokener *tokener = json_tokener_new_ex(depth_max + 1); /* values are a level, too */
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value = json_tokener_parse_ex(tokener, ascii, (int)ascii_n + 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    free(ascii);
    if (error != json_tokener_success) { /* it knows less than RFC 8259 */
        ret_error->what = json_tokener_error_desc(error);
        json_object_put(value);
        return -EPROTO;
    }
    *ret = value;
    return 0;
}

struct json_object *json_decimal(double value, int decimals)
{
    char text[340]; /* the largest double has 309 digits */
    int n = snprintf(text, sizeof text, "%.*f", decimals, value);
    if (decimals > 0) {
        while (text[n - 1] == '0')
            n--;
        text[text[n - 1] == '.' ? n - 1 : n] = '\0';
    }
    return json_object_new_double_s(value, text);
}
