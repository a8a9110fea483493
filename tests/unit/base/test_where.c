/* Where the master is: by a fixed address, and by sentinels that disagree, are silent, lie, or are
 * not there. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/rds.h"
#include "base/redis_address.h"
#include "base/where.h"
#include "tests/unit/support/node.h"
#include "tests/unit/support/secrets.h"
#include "tests/unit/support/wait.h"

#define N_NODES 3

static struct ev_loop *loop;
static struct node sentinels[N_NODES], redis[N_NODES];
static struct rds *rds;
static ev_timer tick;
static char setting[200];

static void on_tick(struct ev_loop *l, ev_timer *t, int revents)
{
    (void)l, (void)t, (void)revents;
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
}
#define UNTIL(condition) WAIT_UNTIL(condition, turn())

static int start(void **state)
{
    (void)state;
    secrets_make("api");
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&tick, on_tick, 0.005, 0.005);
    ev_timer_start(loop, &tick);
    for (int i = 0; i < N_NODES; i++) {
        node_start(&sentinels[i], loop);
        node_start(&redis[i], loop);
    }
    snprintf(setting, sizeof setting, "sentinel://tiffin@127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
             sentinels[0].port, sentinels[1].port, sentinels[2].port);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rds_free(rds);
    rds = NULL;
    where_stop();
    for (int i = 0; i < N_NODES; i++) {
        node_stop(&sentinels[i]);
        node_stop(&redis[i]);
    }
    ev_timer_stop(loop, &tick);
    ev_loop_destroy(loop);
    secrets_remove();
    return 0;
}

static void all_name(const struct node *master)
{
    for (int i = 0; i < N_NODES; i++)
        sentinels[i].names = master;
}

static void connect_by(const char *by)
{
    rds = rds_new(loop, &(struct rds_options){.finder = where(loop, by),
                                              .user = "api",
                                              .client_name = "tiffin-unit",
                                              .timeout_ms = 1000});
}

/* It is up, and its connection is the latest that this node took. */
static int is_at(const struct node *n)
{
    return rds_is_up(rds) && n->n_connects > 0;
}

/* A finder without sentinels. */
struct finder {
    struct rds_finder finder; /* first */
    const char *says;
};

static const char *find_told(struct rds_finder *f, int shard, struct address *ret)
{
    (void)shard;
    return address_parse(((struct finder *)f)->says, ret) ? "malformed" : NULL;
}

static void doubt_nothing(struct rds_finder *f)
{
    (void)f;
}

/* ---- a fixed address ------------------------------------------------------------------------- */

static void a_fixed_address_is_the_answer(void **state)
{
    (void)state;
    char by[64];
    struct address at;
    snprintf(by, sizeof by, "127.0.0.1:%d", redis[1].port);
    struct rds_finder *f = where(loop, by);
    assert_null(f->find(f, 7, &at));
    assert_int_equal(at.port, redis[1].port);
    assert_ptr_equal(where(loop, by), f);
    connect_by(by);
    UNTIL(is_at(&redis[1]));
}

static void each_shard_may_have_its_own(void **state)
{
    (void)state;
    struct address at;
    struct rds_finder *f = where(loop, "/run/redis-%d.sock");
    assert_null(f->find(f, 11, &at));
    assert_string_equal(at.name, "/run/redis-11.sock");
    assert_int_equal(at.port, 0);
}

/* ---- sentinels ------------------------------------------------------------------------------- */

static void the_sentinels_master_is_connected_to(void **state)
{
    (void)state;
    all_name(&redis[2]);
    connect_by(setting);
    UNTIL(is_at(&redis[2]));
    assert_int_equal(sentinels[1].n_asked + sentinels[2].n_asked, 0); /* one is enough */
    assert_int_equal(redis[0].n_connects + redis[1].n_connects, 0);
}

static void one_that_is_away_or_silent_is_followed_by_the_next(void **state)
{
    (void)state;
    all_name(&redis[0]);
    node_stop(&sentinels[0]);
    sentinels[1].is_silent = 1;
    connect_by(setting);
    UNTIL(is_at(&redis[0]));
    assert_int_equal(sentinels[1].n_connects, 1);
    assert_int_equal(sentinels[2].n_asked, 1);
}

static void one_that_does_not_know_the_name_is_followed_by_the_next(void **state)
{
    (void)state;
    sentinels[2].names = &redis[0];
    connect_by(setting);
    UNTIL(strstr(rds_reason(rds), "knows no master of the name"));
    UNTIL(is_at(&redis[0]));
}

/* A replica that its sentinel takes for the master still. */
static void one_whose_word_does_not_hold_is_followed_by_the_next(void **state)
{
    (void)state;
    all_name(&redis[1]);
    sentinels[0].names = &redis[0];
    redis[0].role = "slave";
    connect_by(setting);
    UNTIL(is_at(&redis[1]));
    assert_true(redis[0].n_connects > 0);
}

static void a_master_nobody_can_reach_is_asked_about_again(void **state)
{
    (void)state;
    all_name(&redis[1]);
    sentinels[0].names = &redis[0];
    struct node gone = {.port = redis[0].port};
    node_stop(&redis[0]);
    sentinels[0].names = &gone;
    connect_by(setting);
    UNTIL(is_at(&redis[1]));
}

static void a_new_master_is_gone_to(void **state)
{
    (void)state;
    all_name(&redis[0]);
    connect_by(setting);
    UNTIL(is_at(&redis[0]));
    all_name(&redis[1]); /* the old one lives on: cut off, or a replica that does not know yet */
    UNTIL(redis[1].n_connects > 0 && rds_is_up(rds));
    assert_int_equal(redis[0].n_connects, 1);
}

/* Its host was still being looked up when the sentinels named another. */
static void what_was_looked_up_too_late_is_left(void **state)
{
    (void)state;
    char old[64], now[64];
    snprintf(old, sizeof old, "localhost:%d", redis[0].port);
    snprintf(now, sizeof now, "127.0.0.1:%d", redis[1].port);
    struct finder f = {.finder = {find_told, doubt_nothing}, .says = old};
    rds_finder_init(&f.finder);
    rds = rds_new(loop, &(struct rds_options){.finder = &f.finder,
                                              .user = "api",
                                              .client_name = "tiffin-unit",
                                              .timeout_ms = 1000});
    f.says = now; /* the lookup runs in a thread of its own, its answer comes with a turn */
    rds_finder_changed(&f.finder);
    UNTIL(is_at(&redis[1]));
    rds_free(rds);
    rds = NULL;
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < N_NODES; i++)
        node_stop(&sentinels[i]);
    connect_by(setting);
    UNTIL(strstr(rds_reason(rds), "no sentinel says where Redis' master is; cannot connect to"));
    assert_false(rds_is_up(rds));
}

static void each_shard_has_a_name(void **state)
{
    (void)state;
    char by[200];
    struct address at = {0};
    snprintf(by, sizeof by, "sentinel://tiffin-%%d@127.0.0.1:%d", sentinels[0].port);
    sentinels[0].names = &redis[1];
    struct rds_finder *f = where(loop, by);
    UNTIL(!f->find(f, 3, &at) && !f->find(f, 4, &at));
    assert_int_equal(at.port, redis[1].port);
    assert_non_null(f->find(f, 5, &at)); /* not asked for until now */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(a_fixed_address_is_the_answer),
        TEST(each_shard_may_have_its_own),
        TEST(the_sentinels_master_is_connected_to),
        TEST(one_that_is_away_or_silent_is_followed_by_the_next),
        TEST(one_that_does_not_know_the_name_is_followed_by_the_next),
        TEST(one_whose_word_does_not_hold_is_followed_by_the_next),
        TEST(a_master_nobody_can_reach_is_asked_about_again),
        TEST(a_new_master_is_gone_to),
        TEST(what_was_looked_up_too_late_is_left),
        TEST(nobody_there_is_told),
        TEST(each_shard_has_a_name),
    };
    return cmocka_run_group_tests_name("base/where", tests, NULL, NULL);
}
