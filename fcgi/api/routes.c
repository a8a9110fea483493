#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/placing.h"
#include "base/conf.h"

static const struct param_rule ORDER_PARAMS[] = {{"restaurant_id", PARAM_STRING},
                                                 {"item", PARAM_STRING},
                                                 {"quantity", PARAM_INTEGER},
                                                 {"user_id", PARAM_STRING},
                                                 {NULL, PARAM_STRING}};
static const struct param_rule UPDATE_PARAMS[] = {{"message", PARAM_STRING}, {NULL, PARAM_STRING}};
static const struct param_rule WAITER_PARAMS[] = {{"n", PARAM_INTEGER}, {NULL, PARAM_STRING}};
/* EventSource gives up for ever on an error, so these are never one. */
static const struct param_rule LIVE_PARAMS[] = {
    {"last_event_id", PARAM_HINT}, {"lastEventId", PARAM_HINT}, {NULL, PARAM_STRING}};

static const struct route ROUTES[] = {
    {.method = "GET", .pattern = "/healthz", .handler = get_healthz, .answers_at_once = 1},
    {.method = "GET",
     .pattern = "/restaurants/{id}",
     .handler = get_restaurant,
     .wait_ms = &conf.db_ms},
    {.method = "POST",
     .pattern = "/order",
     .handler = post_order,
     .params = ORDER_PARAMS,
     .on_deadline = placing_deadline},
    {.method = "GET", .pattern = "/order/{id}", .handler = get_order},
    {.method = "GET",
     .pattern = "/order/{id}/live-status",
     .handler = get_live_status,
     .on_deadline = get_live_status_deadline,
     .params = LIVE_PARAMS,
     .is_stream = 1},
    {.method = "POST",
     .pattern = "/order/{id}/cancel",
     .handler = post_cancel,
     .on_deadline = post_cancel_deadline},
    {.method = "GET", .pattern = "/restaurants", .handler = get_restaurants},
    {.method = "GET",
     .pattern = "/restaurants/{id}/menu",
     .handler = get_menu,
     .wait_ms = &conf.menu_ms},
    {.method = "GET",
     .pattern = "/restaurants/{id}/reviews",
     .handler = get_reviews,
     .wait_ms = &conf.reviews_ms},
    {.method = "GET",
     .pattern = "/restaurants/{id}/full-details",
     .handler = get_full_details,
     .wait_ms = &details_longest_wait_ms},
    {.method = "GET",
     .pattern = "/users/{id}/dashboard",
     .handler = get_dashboard,
     .wait_ms = &details_longest_wait_ms},
    {.method = "POST",
     .pattern = "/new-update-and-broadcast",
     .handler = post_update,
     .params = UPDATE_PARAMS,
     .on_deadline = placing_deadline},
    {.method = "GET", .pattern = "/live-monitor", .handler = get_live_monitor, .is_stream = 1},
    {.method = "GET",
     .pattern = "/exhibits/waiter",
     .handler = get_exhibit_waiter,
     .params = WAITER_PARAMS,
     .is_stream = 1},
    {.method = "GET", .pattern = "/status", .handler = get_status},
    {.method = "GET", .pattern = "/readyz", .handler = get_readyz},
    {.method = "GET", .pattern = "/metrics", .handler = get_metrics},
};

#define ROUTE_COUNT (sizeof ROUTES / sizeof ROUTES[0])

/* Does the path have the pattern's form? What stands for {id} goes to arg; an {id} that does not
 * fit arg matches too and is cut: no id is that long, so the handler answers 404. */
static int matches(const char *pattern, const char *path, char *arg, size_t arg_size)
{
    const char *hole = strchr(pattern, '{');
    if (!hole)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0)
        return 0;
    const char *value = path + before;
    size_t n = strcspn(value, "/");
    if (n == 0 || strcmp(value + n, strchr(hole, '}') + 1) != 0)
        return 0;
    snprintf(arg, arg_size, "%.*s", (int)n, value);
    return 1;
}

static int serves(const struct route *route, const char *method)
{
    if (strcmp(method, route->method) == 0)
        return 1;
    return strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0 && !route->is_stream;
}

void routes_find(const char *method, const char *path, struct route_match *ret)
{
    size_t n = 0;
    *ret = (struct route_match){0};
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *route = &ROUTES[i];
        if (!matches(route->pattern, path, ret->arg, sizeof ret->arg))
            continue;
        if (serves(route, method)) {
            ret->route = route;
            return;
        }
        const char *allows = strcmp(route->method, "GET") != 0 ? route->method
                             : route->is_stream                ? "GET"
                                                               : "GET, HEAD";
        if (n < sizeof ret->allow)
            n += (size_t)snprintf(ret->allow + n, sizeof ret->allow - n, "%s%s", n ? ", " : "",
                                  allows);
    }
}
