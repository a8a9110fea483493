/* Where somebody listens, as the settings write it. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/address.h"

static void expect(const char *text, int number, const char *name, int port)
{
    struct address address;
    assert_int_equal(address_of(text, number, &address), 0);
    assert_string_equal(address.name, name);
    assert_int_equal(address.port, port);
}

static void paths_and_hosts(void **state)
{
    (void)state;
    expect("/run/redis.sock", 0, "/run/redis.sock", 0);
    expect(".run/redis.sock", 0, ".run/redis.sock", 0);
    expect("/run/odd:80", 0, "/run/odd:80", 0);
    expect("redis:6379", 0, "redis", 6379);
    expect("127.0.0.1:65535", 0, "127.0.0.1", 65535);
    expect("[::1]:6379", 0, "::1", 6379);
    expect("::1:6379", 0, "::1", 6379);
    expect(":9000", 0, "", 9000);
}

static void processes_of_a_pool(void **state)
{
    struct address address = {.port = 7};
    (void)state;
    expect("/run/%d.sock", 12, "/run/12.sock", 0);
    expect("/run/one.sock", 12, "/run/one.sock", 0);
    expect("host:9000", 3, "host", 9003);
    expect("host:90%d", 11, "host", 9011);
    assert_int_equal(address_of("host:65535", 1, &address), -ERANGE);
    assert_int_equal(address.port, 7);
}

static void nonsense(void **state)
{
    static const char *const BAD[] = {"",           "host",   "host:",    "host:0",
                                      "host:65536", "host:x", "host:80x", "host: 8",
                                      "host:-80",   "80",     "[::1]"};
    struct address address = {.port = 7};
    (void)state;
    for (size_t i = 0; i < LENGTH(BAD); i++)
        assert_int_equal(address_parse(BAD[i], &address), -EINVAL);
    assert_int_equal(address.port, 7);
}

static void lengths(void **state)
{
    char path[ADDRESS_PATH_MAX + 2], host[300];
    struct address address;
    (void)state;
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(address_parse(path, &address), -ENAMETOOLONG);
    path[ADDRESS_PATH_MAX] = '\0';
    assert_int_equal(address_parse(path, &address), 0);
    memset(host, 'h', sizeof host);
    memcpy(host + sizeof address.name, ":1", 3);
    assert_int_equal(address_parse(host, &address), -ENAMETOOLONG);
    memcpy(host + sizeof address.name - 1, ":1", 3);
    assert_int_equal(address_parse(host, &address), 0);
    assert_int_equal(strlen(address.name), sizeof address.name - 1);
}

static void text_is_what_was_read(void **state)
{
    static const char *const TEXTS[] = {"/run/redis.sock", "redis:6379", "[fd00::2]:6379"};
    (void)state;
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        struct address a, b;
        char text[ADDRESS_TEXT_SIZE];
        assert_int_equal(address_parse(TEXTS[i], &a), 0);
        address_text(&a, text);
        assert_string_equal(text, TEXTS[i]);
        assert_int_equal(address_parse(TEXTS[(i + 1) % LENGTH(TEXTS)], &b), 0);
        assert_true(address_is_same(&a, &a));
        assert_false(address_is_same(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_hosts),
        cmocka_unit_test(processes_of_a_pool),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(lengths),
        cmocka_unit_test(text_is_what_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
