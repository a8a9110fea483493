/* The parameters of a request, from its query and its form or JSON body. Pure.
 *
 * A parameter may be given once, in one place. Its value is a C string of valid UTF-8 without
 * control characters; JSON numbers become their text. Unknown names are kept: routes look up what
 * they know. */
#ifndef TIFFIN_API_PARAMS_H
#define TIFFIN_API_PARAMS_H

#include <stddef.h>

#define PARAMS_MAX 16
#define PARAM_ERROR_SIZE 160

struct param {
    char *name, *value;
};

struct params {
    struct param items[PARAMS_MAX];
    size_t n;
    char error[PARAM_ERROR_SIZE]; /* set when a parse function fails: one line for the client */
};

void params_release(struct params *p);

/* All three add to p and return 0 or the HTTP status to answer: 400 (malformed), 415 (content type)
 * or 422 (understood, but not allowed). */
int params_add_query(struct params *p, const char *query);
int params_add_json(struct params *p, const char *body, size_t n);
/* By content type: application/json, application/x-www-form-urlencoded; an empty body is fine. */
int params_add_body(struct params *p, const char *content_type, const char *body, size_t n);

/* The value, or NULL. Valid until params_release(). */
const char *params_get(const struct params *p, const char *name);

/* A whole number from min to max, `fallback` when absent. 0, or 422 and p->error. */
int params_get_int(struct params *p, const char *name, int min, int max, int fallback, int *ret);

#endif
