#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/routes.h"

#define ID "order_00abcdefghijklmnopqrst"

static struct route_match match;

static const struct route *find(const char *method, const char *path)
{
    memset(&match, 'x', sizeof match);
    routes_find(method, guarded_text(path), &match);
    return match.route;
}

static const struct expected {
    const char *method, *path, *arg; /* arg NULL: the pattern has no {id} */
    req_fn handler;
    int is_stream, takes_params;
} ROUTES[] = {
    {"GET", "/healthz", NULL, get_healthz, 0, 0},
    {"GET", "/readyz", NULL, get_readyz, 0, 0},
    {"GET", "/status", NULL, get_status, 0, 0},
    {"GET", "/metrics", NULL, get_metrics, 0, 0},
    {"GET", "/restaurants", NULL, get_restaurants, 0, 0},
    {"GET", "/restaurants/resto_123", "resto_123", get_restaurant, 0, 0},
    {"GET", "/restaurants/resto_123/menu", "resto_123", get_menu, 0, 0},
    {"GET", "/restaurants/resto_123/reviews", "resto_123", get_reviews, 0, 0},
    {"GET", "/restaurants/resto_123/full-details", "resto_123", get_full_details, 0, 0},
    {"GET", "/users/123/dashboard", "123", get_dashboard, 0, 0},
    {"POST", "/order", NULL, post_order, 0, 1},
    {"GET", "/order/" ID, ID, get_order, 0, 0},
    {"POST", "/order/" ID "/cancel", ID, post_cancel, 0, 0},
    {"GET", "/order/" ID "/live-status", ID, get_live_status, 1, 1},
    {"POST", "/new-update-and-broadcast", NULL, post_update, 0, 1},
    {"GET", "/live-monitor", NULL, get_live_monitor, 1, 0},
    {"GET", "/exhibits/waiter", NULL, get_exhibit_waiter, 1, 1},
};

static void every_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(ROUTES); i++) {
        const struct expected *e = &ROUTES[i];
        const struct route *route = find(e->method, e->path);
        assert_non_null(route);
        if (route->handler != e->handler)
            fail_msg("%s %s", e->method, e->path);
        assert_string_equal(route->method, e->method);
        assert_string_equal(match.arg, e->arg ? e->arg : "");
        assert_int_equal(route->is_stream, e->is_stream);
        assert_int_equal(route->params != NULL, e->takes_params);
    }
}

static void head_goes_where_get_does_except_to_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(ROUTES); i++) {
        const struct expected *e = &ROUTES[i];
        const struct route *route = find("HEAD", e->path);
        int works = strcmp(e->method, "GET") == 0 && !e->is_stream;
        if (works != (route != NULL))
            fail_msg("HEAD %s", e->path);
        if (route)
            assert_ptr_equal(route->handler, e->handler);
    }
}

static void wrong_methods_are_told_the_right_ones(void **state)
{
    static const char *const METHODS[] = {"GET",     "HEAD",  "POST",    "PUT",  "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "CONNECT", "get",  "Get",    "",
                                          "GETX",    "GE",    "HEAD ",   "post", "BREW"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ROUTES); i++)
        for (size_t m = 0; m < LENGTH(METHODS); m++) {
            const struct expected *e = &ROUTES[i];
            const char *expected = strcmp(e->method, "POST") == 0 ? "POST"
                                   : e->is_stream                 ? "GET"
                                                                  : "GET, HEAD";
            if (find(METHODS[m], e->path))
                assert_non_null(strstr(expected, METHODS[m]));
            else if (strcmp(match.allow, expected) != 0)
                fail_msg("%s %s: Allow \"%s\"", METHODS[m], e->path, match.allow);
        }
}

static void unknown_paths(void **state)
{
    static const char *const PATHS[] = {"",
                                        "/",
                                        "//",
                                        "/order/",
                                        "/order//",
                                        "/order//cancel",
                                        "/order//live-status",
                                        "/orders",
                                        "/orders/x",
                                        "/order/x/",
                                        "/order/x/y",
                                        "/order/x/cancel/",
                                        "/order/x/cancel/y",
                                        "/order/x/cance",
                                        "/order/x/cancelx",
                                        "/order/x/live-status/",
                                        "/order/a/b/cancel",
                                        "/Order/x",
                                        "/ORDER",
                                        "order",
                                        "order/x",
                                        "/restaurants/",
                                        "/restaurants//menu",
                                        "/restaurants/menu/",
                                        "/restaurants/x/menus",
                                        "/restaurants/x/full-detail",
                                        "/restaurant/x",
                                        "/users",
                                        "/users/",
                                        "/users/123",
                                        "/users//dashboard",
                                        "/users/123/dashboard/",
                                        "/healthz/",
                                        "/health",
                                        "/status/x",
                                        "/metricsx",
                                        "/live-monitor/",
                                        "/exhibits",
                                        "/exhibits/",
                                        "/exhibits/waiter/",
                                        "/new-update-and-broadcast/",
                                        "/{id}",
                                        "/order/x?item=y/z",
                                        "/restaurants/{id}/",
                                        "/favicon.ico",
                                        "/order/x%2Fcancel/y",
                                        "/order\\x"};
    (void)state;
    for (size_t i = 0; i < LENGTH(PATHS); i++) {
        if (find("GET", PATHS[i]) || find("POST", PATHS[i]))
            fail_msg("\"%s\" is a route", PATHS[i]);
        assert_string_equal(match.allow, "");
    }
}

static void ids_are_one_segment_of_anything(void **state)
{
    static const char *const IDS[] = {"x",      "..",   ".",           "{id}",  "menu", "%2F",
                                      "a b",    "\xff", "\xc3\xa9",    "?",     "#",    "%s%n",
                                      "cancel", "-",    "live-status", "a;b=c", "\\",   "\x01"};
    (void)state;
    for (size_t i = 0; i < LENGTH(IDS); i++) {
        char path[64];
        snprintf(path, sizeof path, "/order/%s", IDS[i]);
        const struct route *route = find("GET", path);
        assert_non_null(route);
        assert_ptr_equal(route->handler, get_order);
        assert_string_equal(match.arg, IDS[i]);
        snprintf(path, sizeof path, "/order/%s/cancel", IDS[i]);
        route = find("POST", path);
        assert_non_null(route);
        assert_ptr_equal(route->handler, post_cancel);
        assert_string_equal(match.arg, IDS[i]);
    }
}

static void long_ids_are_cut_to_what_fits(void **state)
{
    (void)state;
    for (size_t n = 1; n < 4 * REQ_ARG_SIZE; n++) {
        char path[5 * REQ_ARG_SIZE] = "/order/";
        size_t kept = n < REQ_ARG_SIZE ? n : REQ_ARG_SIZE - 1;
        memset(path + 7, 'x', n);
        memcpy(path + 7 + n, "/cancel", 8);
        assert_non_null(find("POST", path));
        assert_int_equal(strlen(match.arg), kept);
        assert_int_equal(strspn(match.arg, "x"), kept);
        path[7 + n] = '\0';
        assert_non_null(find("GET", path));
        assert_int_equal(strlen(match.arg), kept);
    }
}

static void waits_and_deadlines_are_declared(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(ROUTES); i++) {
        const struct route *route = find(ROUTES[i].method, ROUTES[i].path);
        assert_non_null(route);
        int waits = strncmp(ROUTES[i].path, "/restaurants/", 13) == 0 ||
                    strncmp(ROUTES[i].path, "/users/", 7) == 0;
        assert_int_equal(route->wait_ms != NULL, waits);
        assert_int_equal(route->answers_at_once, route->handler == get_healthz);
        if (route->handler == post_order || route->handler == post_update)
            assert_non_null(route->on_deadline);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route),
        cmocka_unit_test(head_goes_where_get_does_except_to_streams),
        cmocka_unit_test(wrong_methods_are_told_the_right_ones),
        cmocka_unit_test(unknown_paths),
        cmocka_unit_test(ids_are_one_segment_of_anything),
        cmocka_unit_test(long_ids_are_cut_to_what_fits),
        cmocka_unit_test(waits_and_deadlines_are_declared),
    };
    return cmocka_run_group_tests_name("api/routes", tests, NULL, NULL);
}
