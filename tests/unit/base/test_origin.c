#include "tests/unit/support/test.h"

#include <string.h>

#include "base/origin.h"

static int is_host(const char *origin, const char *host)
{
    return origin_is_host(guarded(origin, strlen(origin)), strlen(origin), host, strlen(host));
}

static int is_listed(const char *origin, const char *list)
{
    return origin_is_listed(origin, strlen(origin), guarded_text(list));
}

static void the_host_by_table(void **state)
{
    static const struct {
        const char *origin, *host;
        int is_ours;
    } TABLE[] = {
        {"http://shop", "shop", 1},
        {"http://shop:80", "shop", 1},
        {"http://shop", "shop:80", 1},
        {"https://shop", "shop", 1}, /* a proxy took TLS off */
        {"https://shop:443", "shop", 1},
        {"https://shop", "shop:443", 1},
        {"HTTP://Shop:8000", "shop:8000", 1},
        {"http://[::1]:8000", "[::1]:8000", 1},
        {"http://127.0.0.1:8000", "127.0.0.1:8000", 1},
        {"http://shop:8001", "shop:8000", 0},
        {"http://shop", "shop:8000", 0},
        {"http://shop:443", "shop", 0},
        {"https://shop:80", "shop", 0},
        {"http://shop.evil.test", "shop", 0},
        {"http://evil.test", "shop", 0},
        {"http://shop/", "shop", 0},
        {"http://a@shop", "shop", 0},
        {"ftp://shop", "shop", 0},
        {"shop", "shop", 0},
        {"null", "shop", 0},
        {"null", "null", 0},
        {"", "shop", 0},
        {"", "", 0},
        {"http://", "", 0},
        {"http://shop, http://shop", "shop", 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (is_host(TABLE[i].origin, TABLE[i].host) != TABLE[i].is_ours)
            fail_msg("\"%s\", Host \"%s\"", TABLE[i].origin, TABLE[i].host);
}

static void the_list(void **state)
{
    static const char LIST[] = " https://shop.example  http://localhost:3000 ";
    (void)state;
    assert_true(is_listed("https://shop.example", LIST));
    assert_true(is_listed("HTTPS://Shop.Example", LIST));
    assert_true(is_listed("http://localhost:3000", LIST));
    assert_false(is_listed("http://localhost:300", LIST));
    assert_false(is_listed("http://localhost:30000", LIST));
    assert_false(is_listed("http://shop.example", LIST));
    assert_false(is_listed("null", LIST));
    assert_false(is_listed("https://shop.example", ""));
    assert_false(is_listed("", ""));
}

static void all_are_listed_but_not_several(void **state)
{
    (void)state;
    assert_true(is_listed("https://evil.example", "*"));
    assert_true(is_listed("null", "http://a *"));
    assert_false(is_listed("", "*"));
    assert_false(is_listed("http://a, http://b", "*"));
    assert_false(is_listed("http://a,http://b", "*"));
}

static void lists_that_can_match(void **state)
{
    static const char *const GOOD[] = {
        "", " ", "*", "http://a", "https://a.example:8443 http://b", "http://[::1]:3000"};
    static const char *const BAD[] = {"a",         "a.example:80",      "https://a.example/",
                                      "http://",   "http://a,http://b", "null",
                                      "*.example", "http://a/shop",     "file:///tmp"};
    (void)state;
    for (size_t i = 0; i < LENGTH(GOOD); i++)
        if (!origin_list_is_valid(guarded_text(GOOD[i])))
            fail_msg("refused: \"%s\"", GOOD[i]);
    for (size_t i = 0; i < LENGTH(BAD); i++)
        if (origin_list_is_valid(guarded_text(BAD[i])))
            fail_msg("taken: \"%s\"", BAD[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_by_table),
        cmocka_unit_test(the_list),
        cmocka_unit_test(all_are_listed_but_not_several),
        cmocka_unit_test(lists_that_can_match),
    };
    return cmocka_run_group_tests_name("base/origin", tests, NULL, NULL);
}
