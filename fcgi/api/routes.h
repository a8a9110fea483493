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

struct route_match {
    const struct route *route; /* NULL when none fits */
    char arg[REQ_ARG_SIZE];    /* what stood for {id}; cut when it is longer than any id */
    char allow[32];            /* without a route: the methods that the path has ("GET, HEAD"), or
                                  "" when the path is unknown */
};

void routes_find(const char *method, const char *path, struct route_match *ret);

#endif
