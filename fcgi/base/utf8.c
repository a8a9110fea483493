#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes that follow a lead byte, with the range the first of them may have (RFC 3629, section 4:
 * the syntax of UTF-8 byte sequences). -1 = not a lead byte. */
static int sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f;
        return 2;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        if (lead == 0xf4)
            *high = 0x8f;
        return 3;
    }
    return -1;
}

long utf8_length(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes, *end = p + n;
    long characters = 0;
    while (p < end) {
        unsigned char low, high;
        int more = sequence(*p++, &low, &high);
        if (more < 0 || end - p < more)
            return -1;
        for (; more > 0; more--, p++) {
            if (*p < low || *p > high)
                return -1;
            low = 0x80;
            high = 0xbf;
        }
        characters++;
    }
    return characters;
}

/* How many bytes from here on are ASCII, looked at eight at a time. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

int utf8_feed(struct utf8_stream *s, const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < n; i++) {
        if (s->left) {
            if (p[i] < s->low || p[i] > s->high)
                return -1;
            s->left--;
            s->low = 0x80;
            s->high = 0xbf;
            continue;
        }
        i += ascii_run(p + i, n - i);
        if (i == n)
            break;
        int more = sequence(p[i], &s->low, &s->high);
        if (more < 0)
            return -1;
        s->left = (unsigned char)more;
    }
    return 0;
}

int utf8_is_whole(const struct utf8_stream *s)
{
    return s->left == 0;
}

/* The bytes of the control character that begins here; 0: it is none, or one of those kept. */
static size_t control_at(const unsigned char *p, size_t n, const char *kept)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return p[0] && strchr(kept, p[0]) ? 0 : 1;
    return p[0] == 0xc2 && n > 1 && p[1] < 0xa0 ? 2 : 0; /* U+0080..U+009F */
}

/* U+2028 and U+2029. */
static size_t separator_at(const unsigned char *p, size_t n)
{
    return n > 2 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9) ? 3 : 0;
}

int utf8_has_control_but(const char *bytes, size_t n, const char *kept)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < n; i++)
        if (control_at(p + i, n - i, kept))
            return 1;
    return 0;
}

int utf8_has_control(const char *bytes, size_t n)
{
    return utf8_has_control_but(bytes, n, "");
}

size_t utf8_blank_controls(const char *bytes, size_t n, const char *kept, char *out)
{
    const unsigned char *p = (const unsigned char *)bytes;
    int is_one_line = !strchr(kept, '\n');
    size_t written = 0;
    for (size_t i = 0; i < n;) {
        size_t skip = control_at(p + i, n - i, kept);
        if (!skip && is_one_line)
            skip = separator_at(p + i, n - i);
        out[written++] = skip ? ' ' : bytes[i];
        i += skip ? skip : 1;
    }
    return written;
}
