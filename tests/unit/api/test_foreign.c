#include "tests/unit/support/test.h"

#include "api/foreign.h"

#define OURS "http://shop:8000"
#define FRIEND "https://friend.example"
#define EVIL "http://evil.test"

static const struct row {
    const char *fetch_site, *origin;
    int is_foreign;
} ROWS[] = {
    {NULL, NULL, 0}, /* not a browser */
    {NULL, OURS, 0},
    {NULL, FRIEND, 0},
    {NULL, EVIL, 1},
    {NULL, "null", 1},
    {NULL, "", 1}, /* empty, or several */
    {NULL, "http://shop:8001", 1},
    {NULL, "http://shop", 1},
    {"same-origin", NULL, 0},
    {"same-origin", OURS, 0},
    {"same-origin", "null", 0},                 /* a form of ours, under no-referrer */
    {"same-origin", "https://outside.name", 0}, /* a proxy before us changes Host */
    {"same-origin", "", 1},
    {"none", NULL, 0},
    {"none", "null", 0},
    {"same-site", NULL, 0},
    {"same-site", OURS, 0},
    {"same-site", "http://shop:3000", 1}, /* another port is the same site */
    {"same-site", "null", 1},
    {"same-site", FRIEND, 0},
    {"cross-site", NULL, 1},
    {"cross-site", EVIL, 1},
    {"cross-site", "null", 1},
    {"cross-site", OURS, 1},
    {"cross-site", FRIEND, 0},
    {"", NULL, 1},
    {"same-origin, cross-site", NULL, 1},
    {"", OURS, 1},
    {"of-tomorrow", NULL, 0},
    {"of-tomorrow", EVIL, 1},
    {"of-tomorrow", OURS, 0},
};

static void by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        const struct provenance from = {ROWS[i].fetch_site, ROWS[i].origin, "shop:8000"};
        if (is_foreign(&from, FRIEND) != ROWS[i].is_foreign)
            fail_msg("%s, %s", ROWS[i].fetch_site ? ROWS[i].fetch_site : "no Sec-Fetch-Site",
                     ROWS[i].origin ? ROWS[i].origin : "no Origin");
    }
}

static void all_origins_allowed(void **state)
{
    const struct provenance cross = {"cross-site", EVIL, "shop"}, several = {NULL, "", "shop"},
                            hidden = {"cross-site", NULL, "shop"};
    (void)state;
    assert_false(is_foreign(&cross, "*"));
    assert_true(is_foreign(&several, "*"));
    assert_true(is_foreign(&hidden, "*"));
}

static void without_a_host(void **state)
{
    const struct provenance with = {NULL, OURS, NULL}, without = {NULL, NULL, NULL};
    (void)state;
    assert_true(is_foreign(&with, ""));
    assert_false(is_foreign(&without, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_table),
        cmocka_unit_test(all_origins_allowed),
        cmocka_unit_test(without_a_host),
    };
    return cmocka_run_group_tests_name("api/foreign", tests, NULL, NULL);
}
