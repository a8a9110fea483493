/* JSON as text: exactly the grammar of RFC 8259, and its values without a conversion that could
 * change them. Pure.
 *
 * Parsers differ in what they accept, and json-c differs by version; so every text is checked by
 * json_text_check() first, and the other functions here expect a text that passed. */
#ifndef TIFFIN_BASE_JSON_TEXT_H
#define TIFFIN_BASE_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_DEPTH_MAX 512

struct json_error {
    const char *what; /* a few words; static */
    size_t line;      /* from 1 */
    size_t offset;    /* of the byte where it was seen */
};

/* Are the n bytes one JSON value in UTF-8 with arrays and objects nested at most depth_max deep
 * (<= JSON_TEXT_DEPTH_MAX)? 0, or -EPROTO and *ret_error.
 *
 * Valid JSON can still hold what a program cannot: a \u escape that is half a character, a whole
 * number beyond 64 bits or one beyond a double. Then it is 0 as well, and *ret_odd is what and
 * where; its `what` is NULL otherwise. */
int json_text_check(const char *bytes, size_t n, int depth_max, struct json_error *ret_odd,
                    struct json_error *ret_error);

/* A part of a checked text. */
struct json_part {
    const char *at;
    size_t n;
};

/* The first byte tells what a value is: { [ " t f n, else a number. */
struct json_part json_text_value(const char *bytes, size_t n);

/* The next member of an object; *rest is the object at first and what is left of it afterwards.
 * Name and value as they are written. 0 at the end. */
int json_text_next(struct json_part *rest, struct json_part *ret_name, struct json_part *ret_value);

/* The text of a string, as it is written with its quotes, in UTF-8 (RFC 8259, section 7) with a NUL
 * behind it. Returns a new string and *ret_n, its length (a NUL can be inside); NULL when a
 * surrogate stands alone in it. */
char *json_text_string(struct json_part string, size_t *ret_n);

/* The integer that a number is: 2, 2.0 and 20e-1 are the same (JSON Schema 2020-12, 4.2.3),
 * whatever the size of the exponent. 0; -EPROTO when it has a fraction; -ERANGE when 64 bits do not
 * hold it. */
int json_text_integer(struct json_part number, int64_t *ret);

#endif
