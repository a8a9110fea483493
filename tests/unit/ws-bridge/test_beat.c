/* Beats on a redis-server of our own with the real functions; the room and the feed are numbers.
 * Time is an argument where it matters. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "base/rds.h"
#include "order/keys.h"
#include "tests/unit/support/chat_redis.h"
#include "ws-bridge/beat.h"
#include "ws-bridge/feed.h"
#include "ws-bridge/room.h"

#define LATE_MS 1500
#define LOST_MS 3000
#define UNTIL(condition) CHAT_UNTIL(condition)

static int is_deaf; /* beats that come over the channel do not reach beat_receive() */
static struct chat_line last_heard;
static int n_heard;

/* ---- in place of the room and the feed ------------------------------------------------------ */

static int64_t here, elsewhere, newest, last_then, first_then;
static int n_learned;
static struct feed_position position;

int64_t room_here(void)
{
    return here;
}

void room_set_elsewhere(int64_t n)
{
    elsewhere = n;
}

const struct feed_position *feed_position(void)
{
    return &position;
}

void feed_learn_newest(int64_t n, int64_t then)
{
    newest = n;
    last_then = then;
    if (n_learned++ == 0)
        first_then = then;
}

/* ---- start and stop ------------------------------------------------------------------------- */

static void on_channel(void *arg, const char *bytes, size_t n)
{
    struct chat_line line;
    (void)arg;
    assert_int_equal(chat_line_parse(bytes, n, &line), 0);
    assert_int_equal(line.kind, CHAT_BEAT);
    if (!is_deaf)
        beat_receive(&line);
    last_heard = line;
    n_heard++;
    chat_line_release(&line);
}

static int start(void **state)
{
    (void)state;
    chat_redis_open();
    here = 4;
    elsewhere = newest = last_then = -1;
    position = (struct feed_position){.last = 0};
    is_deaf = n_learned = n_heard = 0;
    chat_redis_connect(on_channel);
    beat_start(chat_redis.loop, chat_redis.commands, chat_redis.channel);
    UNTIL(rds_is_up(chat_redis.commands) && rds_is_up(chat_redis.channel));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    beat_stop();
    chat_redis_close();
    return 0;
}

static void beat_of_another(const char *clients, const char *ttl_ms)
{
    CHAT_ASK("FCALL", FN_CHAT_BEAT, "2", KEY_CHAT_PRESENT, KEY_COUNT, CHANNEL_CHAT, "another",
             clients, "1", ttl_ms);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void the_answer_tells_who_is_there_and_what_is_newest(void **state)
{
    (void)state;
    is_deaf = 1;
    beat_of_another("5", "60000");
    CHAT_ASK("HSET", KEY_COUNT, "chat_messages", "9");
    position.last = 7;
    beat_send();
    position.last = 8; /* meanwhile */
    UNTIL(n_learned);
    assert_int_equal(newest, 9);
    assert_int_equal(last_then, 7);
    assert_int_equal(elsewhere, 5);
}

/* An answer is compared with what was known when it was asked for, not when a later one was. */
static void an_answer_is_not_taken_for_a_later_one(void **state)
{
    (void)state;
    position.last = 7;
    beat_send();
    position.last = 9;
    beat_send();
    UNTIL(n_learned == 2);
    assert_int_equal(first_then, 0);
    assert_int_equal(last_then, 9);
}

static void beats_of_others_tell_who_is_there(void **state)
{
    (void)state;
    beat_send();
    UNTIL(elsewhere == 0 && n_heard == 1);
    beat_of_another("5", "60000");
    UNTIL(elsewhere == 5);
    beat_of_another("5", "0"); /* it leaves */
    UNTIL(elsewhere == 0);
    assert_int_equal(n_learned, 1);
}

/* The first at once, what follows in one a moment later. */
static void changes_are_throttled(void **state)
{
    (void)state;
    beat_count_changed();
    for (here = 5; here < 20; here++)
        beat_count_changed();
    UNTIL(n_heard == 2);
    assert_int_equal(last_heard.n, 2);
    assert_int_equal(last_heard.present, 20);
    beat_send();
    UNTIL(n_heard == 3);
    assert_int_equal(last_heard.n, 3);
}

static void an_echo_that_comes_is_not_awaited(void **state)
{
    (void)state;
    beat_send();
    UNTIL(n_learned && n_heard);
    assert_false(beat_is_late(INT64_MAX));
    assert_false(beat_is_lost(INT64_MAX));
}

static void an_echo_that_does_not_come_is_late_then_lost(void **state)
{
    (void)state;
    is_deaf = 1;
    int64_t before = clock_mono_ms();
    beat_send();
    assert_false(beat_is_late(INT64_MAX)); /* not before the answer */
    UNTIL(n_learned == 1);
    int64_t after = clock_mono_ms();
    assert_false(beat_is_late(before + LATE_MS));
    assert_true(beat_is_late(after + LATE_MS + 1));
    assert_false(beat_is_lost(before + LOST_MS));
    assert_true(beat_is_lost(after + LOST_MS + 1));
    beat_send(); /* the time goes on from the first */
    UNTIL(n_learned == 2);
    assert_true(beat_is_lost(after + LOST_MS + 1));
    is_deaf = 0;
    beat_send(); /* a later one's does as well */
    UNTIL(n_heard == 3);
    assert_false(beat_is_late(INT64_MAX));
}

static void a_lost_connection_takes_what_was_awaited(void **state)
{
    (void)state;
    is_deaf = 1;
    beat_send();
    UNTIL(n_learned == 1);
    assert_true(beat_is_lost(INT64_MAX));
    beat_disconnected();
    assert_false(beat_is_late(INT64_MAX));
    beat_send();
    UNTIL(n_learned == 2);
    assert_true(beat_is_lost(INT64_MAX));
}

static void on_pong(void *arg, const struct rds_result *result)
{
    (void)result;
    *(int *)arg = 1;
}

/* Answers come in order: now all that were asked for have come. */
static void await_answers(void)
{
    int is_answered = 0;
    rds_call(chat_redis.commands, on_pong, &is_answered, "PING");
    UNTIL(is_answered);
}

static void the_last_beat_takes_our_clients_away(void **state)
{
    (void)state;
    beat_send();
    UNTIL(n_learned == 1 && n_heard == 1);
    assert_int_equal(last_heard.present, 4);
    beat_leave();
    beat_count_changed();
    UNTIL(n_heard == 2);
    assert_int_equal(last_heard.present, 0);
    await_answers();
    assert_int_equal(n_learned, 1); /* of no interest any more */
    assert_int_equal(n_heard, 2);
}

static void a_beat_that_fails_is_no_answer(void **state)
{
    (void)state;
    CHAT_ASK("FUNCTION", "FLUSH");
    beat_send();
    await_answers();
    assert_int_equal(n_learned, 0);
    assert_false(beat_is_late(INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(the_answer_tells_who_is_there_and_what_is_newest),
        TEST(an_answer_is_not_taken_for_a_later_one),
        TEST(beats_of_others_tell_who_is_there),
        TEST(changes_are_throttled),
        TEST(an_echo_that_comes_is_not_awaited),
        TEST(an_echo_that_does_not_come_is_late_then_lost),
        TEST(a_lost_connection_takes_what_was_awaited),
        TEST(the_last_beat_takes_our_clients_away),
        TEST(a_beat_that_fails_is_no_answer),
    };
    return cmocka_run_group_tests(tests, chat_redis_group_setup, chat_redis_group_teardown);
}
