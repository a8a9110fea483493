/* The parameters of a request, from its query and its form or JSON body. Pure.
 *
 * A route declares those it knows. Each of them may be given once, in one place, as what it is
 * declared to be; nothing is converted. All others are skipped unread, whatever they hold. */
#ifndef TIFFIN_API_PARAMS_H
#define TIFFIN_API_PARAMS_H

#include <stddef.h>

#define PARAMS_MAX 8
#define PARAM_ERROR_SIZE 160

enum param_type {
    PARAM_STRING,  /* valid UTF-8 without control characters */
    PARAM_INTEGER, /* in JSON a number without a fraction, elsewhere its digits */
    PARAM_HINT,    /* a string that may be missing: given twice, or unusable, it is as if absent */
};

/* One of a route's parameters; a list of them ends with name NULL. */
struct param_rule {
    const char *name;
    enum param_type type;
};

struct params {
    const struct param_rule *rules; /* NULL: none is known; at most PARAMS_MAX */
    char *values[PARAMS_MAX];       /* of the rule at the same place; NULL: not given */
    int times[PARAMS_MAX];          /* that it was given */
    char error[PARAM_ERROR_SIZE];   /* set when a function fails: one line for the client */
};

void params_init(struct params *p, const struct param_rule *rules);
/* Forgets all values; the rules stay. */
void params_release(struct params *p);

/* All three add to p and return 0, or the HTTP status to answer and p->error: 400 (malformed), 415
 * (content type) or 422 (understood, but not allowed). */
int params_add_query(struct params *p, const char *query);
int params_add_json(struct params *p, const char *body, size_t n);
/* By content type: application/json, application/x-www-form-urlencoded, both in UTF-8; an empty
 * body is fine whatever its type. */
int params_add_body(struct params *p, const char *content_type, const char *body, size_t n);

/* The value as a C string, or NULL. Valid until params_release(). */
const char *params_get(const struct params *p, const char *name);

/* What a whole number may be, and what it is when absent. */
struct param_int {
    int min, max, fallback;
};

/* 0, or 422 and p->error; *ret is untouched then. */
int params_get_int(struct params *p, const char *name, const struct param_int *rule, int *ret);

#endif
