#include "api/params.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define JSON_DEPTH_MAX 8

void params_release(struct params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].name);
        free(p->items[i].value);
    }
    p->n = 0;
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

/* A name for a message: nobody reads one that is longer, and a cut could split a character. */
static const char *shown(const char *name)
{
    return strlen(name) <= 40 ? name : "(with the long name)";
}

/* Takes ownership of name and value in every case. With their lengths: a NUL inside counts as a
 * control character. */
static int add(struct params *p, char *name, size_t name_n, char *value, size_t value_n)
{
    int status = 0;
    if (utf8_length(name, name_n) < 0 || utf8_length(value, value_n) < 0)
        status = fail(p, 422, "A parameter is not valid UTF-8.");
    else if (utf8_has_control(name, name_n) || utf8_has_control(value, value_n))
        status = fail(p, 422, "A parameter has control characters.");
    else if (params_get(p, name))
        status = fail(p, 422, "Parameter %s is given more than once.", shown(name));
    else if (p->n == PARAMS_MAX)
        status = fail(p, 422, "More than %d parameters.", PARAMS_MAX);
    if (status) {
        free(name);
        free(value);
        return status;
    }
    p->items[p->n++] = (struct param){name, value};
    return 0;
}

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

static int add_urlencoded(struct params *p, const char *text, size_t n)
{
    const char *end = text + n;
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        if (!stop)
            stop = end;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        const char *name_end = equals ? equals : stop;
        if (stop > text) {
            size_t name_n, value_n = 0;
            char *name = url_decode(text, (size_t)(name_end - text), &name_n);
            char *value = equals ? url_decode(equals + 1, (size_t)(stop - equals - 1), &value_n)
                                 : mem_strdup("");
            int status = add(p, name, name_n, value, value_n);
            if (status)
                return status;
        }
        text = stop + 1;
    }
    return 0;
}

int params_add_query(struct params *p, const char *query)
{
    return add_urlencoded(p, query, strlen(query));
}

static int add_json_member(struct params *p, const char *name, struct json_object *value)
{
    enum json_type type = json_object_get_type(value);
    if (type == json_type_int) {
        char *text = mem_strdup(json_object_get_string(value));
        return add(p, mem_strdup(name), strlen(name), text, strlen(text));
    }
    if (type != json_type_string)
        return fail(p, 422, "Parameter %s must be a string or a whole number.", shown(name));
    size_t n = (size_t)json_object_get_string_len(value);
    char *text = mem_alloc(n + 1);
    memcpy(text, json_object_get_string(value), n + 1);
    return add(p, mem_strdup(name), strlen(name), text, n);
}

/* What json-c hides: of two members of one name it keeps the last, and it cuts a name at a NUL.
 * The body is known to be an object with so many different members. */
static int check_names(struct params *p, const char *body, size_t n, int different)
{
    int depth = 0, in_string = 0, members = 0;
    for (size_t i = 0; i < n; i++) {
        if (in_string && body[i] == '\\') {
            i++;
            if (n - i >= 5 && memcmp(body + i, "u0000", 5) == 0)
                return fail(p, 422, "A parameter has control characters.");
        } else if (body[i] == '"') {
            in_string = !in_string;
        } else if (!in_string) {
            depth += (body[i] == '{' || body[i] == '[') - (body[i] == '}' || body[i] == ']');
            members += body[i] == ':' && depth == 1;
        }
    }
    return members == different ? 0 : fail(p, 422, "A parameter is given more than once.");
}

int params_add_json(struct params *p, const char *body, size_t n)
{
    struct json_object *root;
    struct json_error error;
    if (json_parse(body, n, JSON_DEPTH_MAX, &root, &error))
        return fail(p, 400, "The body is not JSON: %s.", error.what);
    int status = 0;
    if (json_object_get_type(root) != json_type_object) {
        status = fail(p, 422, "The JSON body must be an object.");
    } else {
        status = check_names(p, body, n, json_object_object_length(root));
        struct json_object_iterator it = json_object_iter_begin(root);
        struct json_object_iterator end = json_object_iter_end(root);
        for (; !status && !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
            status = add_json_member(p, json_object_iter_peek_name(&it),
                                     json_object_iter_peek_value(&it));
    }
    json_object_put(root);
    return status;
}

int params_add_body(struct params *p, const char *content_type, const char *body, size_t n)
{
    size_t type_n = strcspn(content_type, "; \t");
    if (n == 0)
        return 0;
    if (type_n == 16 && strncasecmp(content_type, "application/json", 16) == 0)
        return params_add_json(p, body, n);
    if (type_n == 33 && strncasecmp(content_type, "application/x-www-form-urlencoded", 33) == 0)
        return add_urlencoded(p, body, n);
    return fail(p, 415, "Send the body as application/json or application/x-www-form-urlencoded.");
}

const char *params_get(const struct params *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->items[i].name, name) == 0)
            return p->items[i].value;
    return NULL;
}

int params_get_int(struct params *p, const char *name, int min, int max, int fallback, int *ret)
{
    const char *text = params_get(p, name);
    if (!text) {
        *ret = fallback;
        return 0;
    }
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max || strchr(" \t+", text[0]))
        return fail(p, 422, "%s must be a whole number from %d to %d.", name, min, max);
    *ret = (int)value;
    return 0;
}
