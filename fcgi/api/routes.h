/* The table of routes: which handler answers which method and path. */
#ifndef TIFFIN_API_ROUTES_H
#define TIFFIN_API_ROUTES_H

#include <stddef.h>

#include "api/request.h"

struct route {
    const char *method;  /* "GET" (which serves HEAD too) or "POST" */
    const char *pattern; /* "/restaurants/{id}/menu": at most one {id}, one path segment */
    req_fn handler;
    const int *wait_ms; /* the longest simulated wait, added to the deadline; NULL = none */
    req_fn on_deadline; /* NULL = 503 */
    const struct param_rule *params; /* what it knows of the query and, of a POST, the body */
    unsigned answers_at_once : 1;    /* never parks: needs no deadline */
    unsigned is_stream : 1;          /* no HEAD */
};

/* The route for a request; what stood for {id} goes to ret_arg. NULL when none fits; then
 * ret_allow names all the methods that the path has ("GET, HEAD"), or is "" when the path is
 * unknown. */
const struct route *routes_find(const char *method, const char *path, char *ret_arg,
                                size_t arg_size, char *ret_allow, size_t allow_size);

#endif
