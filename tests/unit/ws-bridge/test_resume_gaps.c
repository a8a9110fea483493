/* What a client has missed is not there any more: it is told so, once, where that would stand. */
#include "tests/unit/ws-bridge/resume_fixture.h"

#include "ws-bridge/history.h"

static void older_than_the_log(void **state)
{
    (void)state;
    log_add(61, 200);
    hear(151, 200);
    join("?after=3");
    UNTIL(has(PRESENCE));
    expect_ids(61, 200);
    assert_int_equal(count("\"complete\":false"), 1); /* before the first frame */
}

static void the_log_is_empty(void **state)
{
    (void)state;
    hear(151, 160);
    join("?after=3");
    UNTIL(has(PRESENCE));
    expect_ids(151, 160);
    assert_int_equal(count("\"complete\":false"), 1);
}

/* The last frame, which ends with message 60, is the one that tells of it. */
static void expect_the_hole_told_at_60(void)
{
    assert_int_equal(count("\"id\":60,\"text\":\"hi\",\"at\":\"now\"}],"
                           "\"complete\":false,\"more\":false}"),
                     1);
    assert_int_equal(count("\"complete\":false"), 1);
}

/* A message that is lost within the log is no reason to stop; it is told where it would stand. */
static void a_hole_in_the_log(void **state)
{
    (void)state;
    log_add(1, 20);
    log_add(31, 60);
    hear(51, 60);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 30);
    assert_int_equal(count("\"id\":20,\"text\":\"hi\",\"at\":\"now\"}],"
                           "\"complete\":true,\"more\":true}"),
                     1);
    expect_the_hole_told_at_60();
}

static void a_hole_before_what_is_in_memory(void **state)
{
    (void)state;
    log_add(1, 20);
    hear(31, 60);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 30);
    expect_the_hole_told_at_60();
}

/* The feed has passed over what it could not get; nothing has been said since. */
static void a_hole_at_the_end(void **state)
{
    (void)state;
    log_add(1, 20);
    feed.last = feed.newest = 25;
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10);
    assert_int_equal(count("{\"type\":\"history\",\"messages\":[],\"complete\":false,"
                           "\"more\":false}"),
                     1);
    hear(26, 26);
    UNTIL(has("\"id\":26"));
}

/* More of them in a row than one look takes. */
static void entries_that_cannot_be_read(void **state)
{
    (void)state;
    log_add(1, 20);
    log_add_of("nonsense", 21, 130);
    log_add(131, 150);
    log_add_of("nonsense", 151, 155);
    hear(156, 160);
    join("?after=10");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"id\":"), 10 + 20 + 5);
    assert_int_equal(count("\"complete\":false"), 2);
    assert_true(has("[{\"type\":\"message\",\"id\":131,"));
    assert_true(has("[{\"type\":\"message\",\"id\":156,"));
}

static void the_log_is_lost_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    join("?after=50"); /* Redis has been asked */
    history_clear();
    feed.last = feed.newest = 0;
    hear(1, 2);
    UNTIL(has(PRESENCE));
    expect_ids(1, 2);
    assert_int_equal(count("\"complete\":false"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(older_than_the_log),        TEST(the_log_is_empty),
        TEST(a_hole_in_the_log),         TEST(a_hole_before_what_is_in_memory),
        TEST(a_hole_at_the_end),         TEST(entries_that_cannot_be_read),
        TEST(the_log_is_lost_meanwhile),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
