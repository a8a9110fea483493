/* Who may say how much: addresses and their buckets, and the room's. Rates are so low that nothing
 * worth mentioning comes back during a test, or so high that all of it does. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "tests/unit/support/wait.h"
#include "ws-bridge/rate_limit.h"

static struct rate_limit_rules rules(void)
{
    return (struct rate_limit_rules){
        .rate = 1, .burst = 1000, .bytes_rate = 1, .bytes_burst = 1000, .max_bytes = 100};
}

static void start(struct rate_limit_rules r)
{
    rate_limit_start(&r);
}

static int stop(void **state)
{
    (void)state;
    rate_limit_stop();
    assert_int_equal(rate_limit_addresses(), 0);
    return 0;
}

static int takes_messages(struct rate_limit *a)
{
    int n = 0;
    while (n < 2000 && rate_limit_take_message(a))
        n++;
    return n;
}

static void an_address_is_one_however_it_is_written(void **state)
{
    static const struct {
        const char *a, *b;
        int is_same;
    } CASES[] = {
        {"192.0.2.7", "192.0.2.7", 1},
        {"192.0.2.7", "192.0.2.8", 0},
        {"192.0.2.7", "::ffff:192.0.2.7", 1},
        {"2001:db8:1:2::3", "2001:db8:1:2:ffff::9", 1},
        {"2001:db8:1:2::3", "2001:DB8:1:2:0:0:0:3", 1},
        {"2001:db8:1:2::3", "2001:db8:1:3::3", 0},
        {"::1", "127.0.0.1", 0},
        {"", "unix:", 1}, /* nobody knows who */
        {"", "127.0.0.1", 0},
        {"", "::1", 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        start(rules());
        struct rate_limit *a = rate_limit_enter(CASES[i].a), *b = rate_limit_enter(CASES[i].b);
        if ((a == b) != CASES[i].is_same)
            fail_msg("%s and %s", CASES[i].a, CASES[i].b);
        rate_limit_leave(a);
        rate_limit_leave(b);
        stop(NULL);
    }
}

static void connections_share_what_their_address_may_say(void **state)
{
    (void)state;
    start(rules());
    struct rate_limit *a = rate_limit_enter("192.0.2.7"), *b = rate_limit_enter("192.0.2.7");
    struct rate_limit *other = rate_limit_enter("192.0.2.8");
    assert_int_equal(takes_messages(a), 1000);
    assert_int_equal(takes_messages(b), 0);
    assert_int_equal(rate_limit_take_bytes(a, 600), 600);
    assert_int_equal(rate_limit_take_bytes(b, 600), 400);
    assert_int_equal(rate_limit_take_bytes(b, 600), 0);
    assert_int_equal(takes_messages(other), 1000);
    assert_int_equal(rate_limit_take_bytes(other, 600), 600);
    rate_limit_leave(a);
    rate_limit_leave(b);
    rate_limit_leave(other);
}

static void who_comes_back_finds_it_as_it_was(void **state)
{
    (void)state;
    start(rules());
    struct rate_limit *a = rate_limit_enter("192.0.2.7");
    assert_int_equal(takes_messages(a), 1000);
    rate_limit_leave(a);
    a = rate_limit_enter("192.0.2.7");
    assert_int_equal(takes_messages(a), 0);
    rate_limit_leave(a);
}

static void who_has_all_of_it_again_is_forgotten(void **state)
{
    struct rate_limit_rules r = rules();
    (void)state;
    r.rate = r.bytes_rate = 1000000;
    start(r);
    struct rate_limit *a = rate_limit_enter("192.0.2.7");
    assert_true(rate_limit_take_message(a));
    assert_int_equal(rate_limit_take_bytes(a, 10), 10);
    rate_limit_leave(a);
    /* Who has said nothing is forgotten at once. */
    WAIT_UNTIL(rate_limit_addresses() == 0, rate_limit_leave(rate_limit_enter("192.0.2.8")));
}

static void the_longest_message_fits_into_a_burst(void **state)
{
    struct rate_limit_rules r = rules();
    (void)state;
    r.bytes_burst = 1;
    r.room_rate = 1;
    start(r);
    struct rate_limit *a = rate_limit_enter("192.0.2.7");
    assert_int_equal(rate_limit_take_bytes(a, 300), 200);
    rate_limit_leave(a);
    stop(NULL);
    r.max_bytes = 4096;
    start(r);
    assert_true(rate_limit_take_room(4096));
}

static void the_room_is_everybodys(void **state)
{
    struct rate_limit_rules r = rules();
    int n = 0;
    (void)state;
    r.room_rate = 1;
    r.max_bytes = 5000;
    start(r);
    while (n < 2000 && rate_limit_take_room(872)) /* 1,000 with what is round it */
        n++;
    assert_int_equal(n, 10);
}

static void no_rate_no_limit(void **state)
{
    struct rate_limit_rules r = rules();
    (void)state;
    r.rate = 0;
    r.room_rate = 1;
    start(r);
    assert_null(rate_limit_enter("192.0.2.7"));
    assert_int_equal(takes_messages(NULL), 2000);
    assert_int_equal(rate_limit_take_bytes(NULL, 1 << 30), 1 << 30);
    assert_true(rate_limit_take_room(1 << 30));
    rate_limit_leave(NULL);
    r = rules();
    r.bytes_rate = 0; /* room_rate is 0, too */
    start(r);
    struct rate_limit *a = rate_limit_enter("192.0.2.7");
    assert_int_equal(rate_limit_take_bytes(a, 1 << 30), 1 << 30);
    assert_true(rate_limit_take_room(1 << 30));
    assert_int_equal(takes_messages(a), 1000);
    rate_limit_leave(a);
}

static void the_largest_settings(void **state)
{
    struct rate_limit_rules r = {.rate = 1000000,
                                 .burst = 1000000,
                                 .bytes_rate = 1000000000,
                                 .bytes_burst = 1000000000,
                                 .room_rate = 1000000000,
                                 .max_bytes = 16777216};
    (void)state;
    start(r);
    struct rate_limit *a = rate_limit_enter("192.0.2.7");
    assert_int_equal(rate_limit_take_bytes(a, 1000000000), 1000000000);
    assert_true(rate_limit_take_bytes(a, 1000000000) < 1000000000);
    assert_true(rate_limit_take_room(16777216));
    assert_true(rate_limit_take_message(a));
    rate_limit_leave(a);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_teardown(test, stop)
    const struct CMUnitTest tests[] = {
        TEST(an_address_is_one_however_it_is_written),
        TEST(connections_share_what_their_address_may_say),
        TEST(who_comes_back_finds_it_as_it_was),
        TEST(who_has_all_of_it_again_is_forgotten),
        TEST(the_longest_message_fits_into_a_burst),
        TEST(the_room_is_everybodys),
        TEST(no_rate_no_limit),
        TEST(the_largest_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
