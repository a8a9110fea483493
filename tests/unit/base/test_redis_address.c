/* What TIFFIN_REDIS may say. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/redis_address.h"

static void a_fixed_place(void **state)
{
    static const char *const TEXTS[] = {"/run/redis.sock", "./redis.sock",  "redis:6379",
                                        "[::1]:6379",      "redis-%d:6379", "/run/%d/redis.sock"};
    (void)state;
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        struct redis_address a;
        assert_int_equal(redis_address_parse(TEXTS[i], &a), 0);
        assert_string_equal(a.fixed, TEXTS[i]);
        assert_null(a.name);
        assert_int_equal(redis_address_is_by_shard(&a), strchr(TEXTS[i], '%') != NULL);
        redis_address_release(&a);
    }
}

static void a_shard_fills_the_hole(void **state)
{
    (void)state;
    struct redis_address a;
    struct address at;
    assert_int_equal(redis_address_parse("redis-%d:6379", &a), 0);
    assert_int_equal(redis_address_fixed(&a, 12, &at), 0);
    assert_string_equal(at.name, "redis-12");
    assert_int_equal(at.port, 6379);
    redis_address_release(&a);
}

static void a_name_and_its_sentinels(void **state)
{
    (void)state;
    struct redis_address a;
    assert_int_equal(redis_address_parse("sentinel://shop-%d@s1:26379,[fd00::2]:26380", &a), 0);
    assert_null(a.fixed);
    assert_true(redis_address_is_by_shard(&a));
    char *name = redis_address_name(&a, 3);
    assert_string_equal(name, "shop-3");
    free(name);
    assert_int_equal(a.n_sentinels, 2);
    assert_string_equal(a.sentinels[0].name, "s1");
    assert_string_equal(a.sentinels[1].name, "fd00::2");
    assert_int_equal(a.sentinels[1].port, 26380);
    redis_address_release(&a);
}

static void what_it_may_not_say(void **state)
{
    static const char *const TEXTS[] = {
        "",
        "redis",
        ":6379",
        "redis:0",
        "redis:65536",
        "sentinel://",
        "sentinel://tiffin",
        "sentinel://@s1:26379",
        "sentinel://tiffin@",
        "sentinel://tiffin@s1",
        "sentinel://tiffin@s1:26379,",
        "sentinel://tiffin@s1:26379,:26379",
        "sentinel://a@s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1,s:1",
        "redis://redis:6379",
        "Sentinel://tiffin@s1:26379",
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        struct redis_address a;
        if (redis_address_parse(TEXTS[i], &a) == 0)
            fail_msg("\"%s\" was taken", TEXTS[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_place),
        cmocka_unit_test(a_shard_fills_the_hole),
        cmocka_unit_test(a_name_and_its_sentinels),
        cmocka_unit_test(what_it_may_not_say),
    };
    return cmocka_run_group_tests_name("base/redis_address", tests, NULL, NULL);
}
