#include "api/params.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

void params_init(struct params *p, const struct param_rule *rules)
{
    *p = (struct params){.rules = rules};
}

void params_release(struct params *p)
{
    for (size_t i = 0; i < PARAMS_MAX; i++)
        free(p->values[i]);
    params_init(p, p->rules);
}

static int fail(struct params *p, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct params *p, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->error, sizeof p->error, format, args);
    va_end(args);
    return status;
}

/* The place of a name among the rules, -1 for one that the route does not declare. */
static int find(const struct params *p, const char *name, size_t n)
{
    for (int i = 0; p->rules && p->rules[i].name; i++)
        if (strlen(p->rules[i].name) == n && memcmp(p->rules[i].name, name, n) == 0)
            return i;
    return -1;
}

/* What is wrong with a text, NULL when nothing is. With its length: a NUL counts as a control
 * character. */
static const char *fault_of(const char *text, size_t n)
{
    if (utf8_length(text, n) < 0)
        return "is not valid UTF-8";
    if (utf8_has_control(text, n))
        return "has control characters";
    return NULL;
}

/* Keeps the value of rule i, which it owns from here on: text of n bytes, or NULL and what is wrong
 * with it. */
static int keep(struct params *p, int i, char *text, size_t n, const char *fault)
{
    if (p->times[i]++)
        fault = "is given more than once";
    else if (!fault)
        fault = fault_of(text, n);
    if (!fault) {
        p->values[i] = text;
        return 0;
    }
    free(text);
    if (p->rules[i].type != PARAM_HINT)
        return fail(p, 422, "Parameter %s %s.", p->rules[i].name, fault);
    free(p->values[i]);
    p->values[i] = NULL;
    return 0;
}

/* ---- queries and forms ---------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* application/x-www-form-urlencoded, WHATWG URL Standard 5.1: '+' is a space, a '%' that no two
 * hex digits follow stands for itself. Returns a new string; *ret_n its length. */
static char *url_decode(const char *text, size_t n, size_t *ret_n)
{
    char *out = mem_alloc(n + 1);
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        int high = -1, low = -1;
        if (text[i] == '%' && i + 2 < n) {
            high = hex_digit(text[i + 1]);
            low = hex_digit(text[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[o++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[o++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    out[o] = '\0';
    *ret_n = o;
    return out;
}

/* "name=value", or a name alone */
static int add_pair(struct params *p, const char *pair, size_t n)
{
    const char *equals = memchr(pair, '=', n);
    size_t name_n = equals ? (size_t)(equals - pair) : n, value_n = 0;
    char *name = url_decode(pair, name_n, &name_n);
    int i = find(p, name, name_n);
    free(name);
    if (i < 0)
        return 0;
    char *value =
        equals ? url_decode(equals + 1, (size_t)(pair + n - equals - 1), &value_n) : mem_strdup("");
    return keep(p, i, value, value_n, NULL);
}

static int add_urlencoded(struct params *p, const char *text, size_t n)
{
    const char *end = text + n;
    int status = 0;
    while (text < end && !status) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        if (!stop)
            stop = end;
        status = add_pair(p, text, (size_t)(stop - text));
        text = stop + 1;
    }
    return status;
}

int params_add_query(struct params *p, const char *query)
{
    return add_urlencoded(p, query, strlen(query));
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static int add_string(struct params *p, int i, struct json_part value)
{
    size_t n = 0;
    char *text = *value.at == '"' ? json_text_string(value, &n) : NULL;
    const char *fault = NULL;
    if (!text)
        fault = *value.at == '"' ? "has half a character (a lone surrogate)" : "must be a string";
    return keep(p, i, text, n, fault);
}

static int add_integer(struct params *p, int i, struct json_part value)
{
    int64_t number = 0;
    const char *fault = NULL;
    if (!strchr("-0123456789", *value.at))
        fault = "must be a number";
    else if (json_text_integer(value, &number))
        fault = "must be a whole number of at most 64 bits";
    struct text_number text = text_of_number(number);
    return keep(p, i, mem_strdup(text.text), strlen(text.text), fault);
}

static int add_member(struct params *p, struct json_part name, struct json_part value)
{
    size_t n;
    char *text = json_text_string(name, &n);
    int i = text ? find(p, text, n) : -1;
    free(text);
    if (i < 0)
        return 0;
    return p->rules[i].type == PARAM_INTEGER ? add_integer(p, i, value) : add_string(p, i, value);
}

int params_add_json(struct params *p, const char *body, size_t n)
{
    struct json_error odd, error; /* `odd` matters in a value that is read */
    if (json_text_check(body, n, JSON_TEXT_DEPTH_MAX, &odd, &error))
        return fail(p, 400, "The body is not JSON: %s (line %zu).", error.what, error.line);
    struct json_part rest = json_text_value(body, n), name, value;
    if (*rest.at != '{')
        return fail(p, 422, "The JSON body must be an object.");
    int status = 0;
    while (!status && json_text_next(&rest, &name, &value))
        status = add_member(p, name, value);
    return status;
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* Is the media type (RFC 9110, 8.3.1) of a Content-Type this one? */
static int is_type(const char *content_type, const char *type)
{
    size_t n = strcspn(content_type, "; \t");
    return n == strlen(type) && strncasecmp(content_type, type, n) == 0;
}

/* No charset parameter, or UTF-8: nothing is converted. */
static int is_utf8(const char *content_type)
{
    const char *at = content_type;
    while ((at = strchr(at, ';'))) {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "charset=", 8) != 0)
            continue;
        at += 8;
        at += *at == '"';
        size_t n = strcspn(at, "\"; \t");
        if (!(n == 5 && strncasecmp(at, "utf-8", n) == 0) &&
            !(n == 4 && strncasecmp(at, "utf8", n) == 0))
            return 0;
    }
    return 1;
}

/* No form has such a name; but curl -d '{"item":…}' sends JSON as a form. */
static int looks_like_json(const char *body)
{
    body += strspn(body, " \t\r\n");
    return *body == '{' || *body == '[';
}

int params_add_body(struct params *p, const char *content_type, const char *body, size_t n)
{
    int is_json = is_type(content_type, "application/json");
    int is_form = is_type(content_type, "application/x-www-form-urlencoded");
    if (n == 0)
        return 0;
    if ((is_form || !*content_type) && looks_like_json(body))
        return fail(p, 415,
                    "The body looks like JSON; send it with Content-Type: application/json.");
    if (!is_json && !is_form)
        return fail(p, 415,
                    "Send the body as application/json or application/x-www-form-urlencoded.");
    if (!is_utf8(content_type))
        return fail(p, 415, "Send the body in UTF-8.");
    return is_json ? params_add_json(p, body, n) : add_urlencoded(p, body, n);
}

/* ---- looking up ----------------------------------------------------------------------------- */

const char *params_get(const struct params *p, const char *name)
{
    int i = find(p, name, strlen(name));
    return i < 0 ? NULL : p->values[i];
}

int params_get_int(struct params *p, const char *name, const struct param_int *rule, int *ret)
{
    const char *text = params_get(p, name);
    int64_t value = rule->fallback;
    if (text && (text_to_int(text, &value) || value < rule->min || value > rule->max))
        return fail(p, 422, "%s must be a whole number from %d to %d.", name, rule->min, rule->max);
    *ret = (int)value;
    return 0;
}
