/* From what a client has to the present: out of memory, out of the log, or both. */
#include "tests/unit/ws-bridge/resume_fixture.h"

static void who_is_new_gets_the_last_fifty(void **state)
{
    (void)state;
    hear(1, 120);
    join("");
    UNTIL(has(PRESENCE));
    expect_ids(71, 120);
    assert_int_equal(count("\"complete\":true,\"more\":false}"), 1);
    assert_int_equal(count("\"type\":\"history\""), 1);
    hear(121, 122);
    UNTIL(has("\"id\":122"));
    expect_ids(71, 122);
}

static void an_empty_chat_has_an_empty_history(void **state)
{
    (void)state;
    join("");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("{\"type\":\"history\",\"messages\":[],\"complete\":true,"
                           "\"more\":false}"),
                     1);
}

static void nobody_is_told_before_the_log_was_read(void **state)
{
    (void)state;
    feed.is_loaded = 0;
    join("");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.is_loaded = 1;
    hear(1, 3);
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(1, 3);
}

static void out_of_memory(void **state)
{
    (void)state;
    hear(1, 200);
    join("?after=80");
    UNTIL(has(PRESENCE));
    expect_ids(81, 200);
    assert_int_equal(count("\"type\":\"history\""), 3);
    assert_int_equal(count("\"more\":true}"), 2);
    assert_int_equal(count("\"complete\":true"), 3);
}

static void who_has_all_gets_an_empty_frame(void **state)
{
    (void)state;
    hear(1, 9);
    join("?after=9");
    UNTIL(has(PRESENCE));
    assert_int_equal(count("\"messages\":[],\"complete\":true,\"more\":false}"), 1);
}

static void out_of_redis_then_out_of_memory(void **state)
{
    (void)state;
    log_add(1, 400);
    hear(301, 400);
    join("?after=7");
    UNTIL(has(PRESENCE));
    expect_ids(8, 400);
    assert_int_equal(count("\"complete\":false"), 0);
    assert_int_equal(count("\"more\":false}"), 1);
}

/* Each message is stored before the feed hears of it, as always. */
static void while_others_talk(void **state)
{
    (void)state;
    log_add(1, 400);
    hear(301, 400);
    join("?after=0");
    for (int64_t id = 401; id < 600; id++) {
        log_add(id, id);
        hear(id, id);
        turn();
    }
    log_add(600, 600);
    hear(600, 600);
    UNTIL(has("\"id\":600"));
    expect_ids(1, 600);
    assert_int_equal(count("\"complete\":false"), 0);
}

static void an_id_that_another_bridge_has_given(void **state)
{
    (void)state;
    hear(1, 10);
    join("?after=12");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.newest = 12;
    feed.newest_asks = 3;
    resume_all();
    assert_int_equal(count("history"), 0); /* the feed will come to it */
    hear(11, 13);
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(13, 13);
    assert_int_equal(count("\"complete\":true"), 1);
}

static void an_id_that_nobody_has_given(void **state)
{
    (void)state;
    hear(1, 60);
    join("?after=1000");
    feed.newest_asks = 1;
    resume_all();
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    feed.newest_asks = 2;
    resume_all();
    UNTIL(has(PRESENCE));
    expect_ids(11, 60);
    assert_int_equal(count("\"complete\":false"), 1);
}

static void redis_is_away_and_comes_back(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    redis_server_kill(&chat_redis.server);
    CHAT_UNTIL(!rds_is_up(chat_redis.commands));
    join("?after=50");
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(count("history"), 0);
    chat_redis_restart();
    log_add(1, 100);
    CHAT_UNTIL(rds_is_up(chat_redis.commands));
    resume_all(); /* the feed is back */
    UNTIL(has(PRESENCE));
    expect_ids(51, 100);
}

static void it_hangs_up_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    join("?after=0");
    shutdown(peer, SHUT_RDWR);
    UNTIL(!opened);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(clients_n(), 0);
}

/* Its queue is over the limit and its socket full when the log's answer comes: the frame that is
 * given to it closes it. */
static void it_is_too_slow_meanwhile(void **state)
{
    (void)state;
    log_add(1, 100);
    hear(91, 100);
    flood = 2000000;
    join("?after=0");
    WAIT_UNTIL(!opened, (chat_redis_turn(), room_turn())); /* nothing is read */
    UNTIL(n_in > 4 && memcmp(in + n_in - 8, "too slow", 8) == 0);
    assert_int_equal(count("history"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_new_gets_the_last_fifty),
        TEST(an_empty_chat_has_an_empty_history),
        TEST(nobody_is_told_before_the_log_was_read),
        TEST(out_of_memory),
        TEST(who_has_all_gets_an_empty_frame),
        TEST(out_of_redis_then_out_of_memory),
        TEST(while_others_talk),
        TEST(an_id_that_another_bridge_has_given),
        TEST(an_id_that_nobody_has_given),
        TEST(redis_is_away_and_comes_back),
        TEST(it_hangs_up_meanwhile),
        TEST(it_is_too_slow_meanwhile),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
