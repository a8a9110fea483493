/* A job's snapshot, from the answer of its MULTI. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/rds_reply.h"
#include "ctl/job_snapshot.h"
#include "ctl/names.h"
#include "tests/unit/support/replies.h"

#define NOW_MS INT64_C(1795345300123)

static struct names workers;

static int setup(void **state)
{
    (void)state;
    names_add(&workers, "w1");
    names_add(&workers, "w2");
    return 0;
}

static int teardown(void **state)
{
    names_release(&workers);
    return replies_teardown(state);
}

/* What Redis answers besides the hash; unset members are nil. */
struct answer {
    redis_reply *hash, *ttl, *score, *ready, *delayed, *dead, *registered, *ledger;
    redis_reply *active[2]; /* of w1 and w2 */
};

static redis_reply *or_nil(redis_reply *reply)
{
    return reply ? reply : reply_nil();
}

static redis_reply *make(const struct answer *a)
{
    return reply_array(11, or_nil(a->hash), or_nil(a->ttl), or_nil(a->score), or_nil(a->ready),
                       or_nil(a->delayed), or_nil(a->dead), or_nil(a->registered),
                       reply_words("1795345300", "123999"), or_nil(a->ledger), or_nil(a->active[0]),
                       or_nil(a->active[1]));
}

static redis_reply *paid(void)
{
    return reply_words("step", "kitchen", "payment_key", "pay_1");
}

static void a_job_in_hand(void **state)
{
    (void)state;
    const struct answer a = {.hash = paid(),
                             .ttl = reply_int(-1),
                             .score = reply_text("1795345258123"),
                             .ready = reply_array(0),
                             .registered = reply_words("w1", "w2"),
                             .ledger = reply_words("captures", "1"),
                             .active = {reply_array(0), reply_array(1, reply_int(3))}};
    struct job_snapshot s;
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
    assert_string_equal(rds_field(s.hash, "step"), "kitchen");
    assert_string_equal(rds_field(s.ledger, "captures"), "1");
    assert_true(s.now_ms == NOW_MS);
    assert_int_equal(s.ttl_ms, -1);
    assert_true(s.is_indexed);
    assert_int_equal(s.n_at[AT_ACTIVE], 1);
    assert_int_equal(snapshot_n_places(&s), 1);
    assert_string_equal(snapshot_place(&s), "active");
    assert_string_equal(s.worker, "w2");
    assert_int_equal(s.due_ms, 0);
    assert_int_equal(s.dead_ms, 0);
    assert_false(snapshot_is_over(&s));
    assert_null(s.owned);
}

static void a_job_that_is_not_there(void **state)
{
    (void)state;
    const struct answer a = {.hash = reply_array(0), .ttl = reply_int(-2)};
    struct job_snapshot s;
    assert_int_equal(snapshot_parse(make(&a), &workers, "", &s), 0);
    assert_int_equal(s.ttl_ms, -2);
    assert_false(s.is_indexed);
    assert_null(s.ledger);
    assert_string_equal(snapshot_place(&s), "nowhere");
    assert_string_equal(s.worker, "");
}

static void delayed_and_dead_have_their_times(void **state)
{
    (void)state;
    struct answer a = {.hash = paid(), .delayed = reply_text("1795345300500")};
    struct job_snapshot s;
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
    assert_true(s.due_ms == NOW_MS + 377);
    assert_string_equal(snapshot_place(&s), "delayed");
    a.dead = reply_text("1795345300000");
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
    assert_true(s.dead_ms == NOW_MS - 123);
    assert_string_equal(snapshot_place(&s), "several");
    a.delayed = NULL;
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
    assert_string_equal(snapshot_place(&s), "dead");
}

static void the_list_of_an_unregistered_worker_is_orphaned(void **state)
{
    (void)state;
    const struct answer a = {.hash = paid(),
                             .registered = reply_words("w2"),
                             .active = {reply_array(2, reply_int(0), reply_int(5))}};
    struct job_snapshot s;
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
    assert_int_equal(s.n_at[AT_ORPHANED], 2);
    assert_int_equal(s.n_at[AT_ACTIVE], 0);
    assert_string_equal(s.worker, "w1");
    assert_string_equal(snapshot_place(&s), "several");
}

/* What came between asking and answer makes it blind: it must be read again. */
static void a_worker_that_has_come_since_may_hold_it(void **state)
{
    (void)state;
    const struct answer a = {.hash = paid(), .registered = reply_words("w1", "w3")};
    struct job_snapshot s = {.id = "untouched"};
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), -EAGAIN);
    assert_string_equal(s.id, "untouched");
}

static void a_payment_key_that_has_come_since_has_another_entry(void **state)
{
    (void)state;
    const struct answer a = {.hash = paid()};
    struct job_snapshot s;
    assert_int_equal(snapshot_parse(make(&a), &workers, "", &s), -EAGAIN);
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_2", &s), -EAGAIN);
    assert_int_equal(snapshot_parse(make(&a), &workers, "pay_1", &s), 0);
}

static void over_by_its_step(void **state)
{
    (void)state;
    struct job_snapshot s = {.hash = reply_words("step", "settled")};
    assert_true(snapshot_is_over(&s));
    s.hash = reply_words("step", "published");
    assert_true(snapshot_is_over(&s));
    s.hash = reply_words("step", "refund");
    assert_false(snapshot_is_over(&s));
    s.hash = reply_array(0);
    assert_false(snapshot_is_over(&s));
    s.hash = NULL;
    assert_false(snapshot_is_over(&s));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_in_hand),
        TEST(a_job_that_is_not_there),
        TEST(delayed_and_dead_have_their_times),
        TEST(the_list_of_an_unregistered_worker_is_orphaned),
        TEST(a_worker_that_has_come_since_may_hold_it),
        TEST(a_payment_key_that_has_come_since_has_another_entry),
        TEST(over_by_its_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
