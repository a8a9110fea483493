/* The wall clock of this machine is set: deadlines, and the time by Redis' clock, are none of its
 * business. This program stands in the place of the C library's clock, for libev too. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/redis_server.h"

#define TIMEOUT_MS 1000

static time_t set_back_s;
static struct redis_server server;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int err = (int)syscall(SYS_clock_gettime, id, ret);
    if (id == CLOCK_REALTIME)
        ret->tv_sec -= set_back_s;
    return err;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int err = clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return err;
}

static void silent_redis_is_given_up_all_the_same(void **state)
{
    struct rds_client client;
    struct seen answered = {0}, silent = {0};
    (void)state;
    rds_client_open(&client, &(struct rds_options){.address = server.socket,
                                                   .user = "tester",
                                                   .client_name = "tiffin-unit",
                                                   .timeout_ms = TIMEOUT_MS});
    rds_call(client.rds, seen_fill, &answered, "PING");
    WAIT_FOR(&client, rds_is_up(client.rds));
    redis_server_signal(&server, SIGSTOP);
    rds_call(client.rds, seen_fill, &silent, "PING");
    rds_client_turn(&client);
    set_back_s = 3600;
    WAIT_FOR(&client, silent.n);
    assert_int_equal(silent.outcome, RDS_TIMEOUT);
    redis_server_signal(&server, SIGCONT);
    rds_client_release(&client);
}

static void time_of_redis_goes_on(void **state)
{
    static const time_t SET_BACK_S[] = {3600, -3600, 0};
    struct rds_client client;
    (void)state;
    set_back_s = 0;
    rds_client_init(&client, server.socket, "tester");
    WAIT_FOR(&client, rds_is_up(client.rds));
    int64_t before_ms = rds_now_ms(client.rds);
    for (size_t i = 0; i < sizeof SET_BACK_S / sizeof SET_BACK_S[0]; i++) {
        set_back_s = SET_BACK_S[i]; /* Redis, another process, does not see it */
        assert_in_range(rds_now_ms(client.rds), before_ms, before_ms + WAIT_MS);
    }
    rds_client_release(&client);
}

static int setup(void **state)
{
    (void)state;
    redis_server_init(&server);
    conf.secrets_dir = server.secrets;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_server_release(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_redis_is_given_up_all_the_same),
        cmocka_unit_test(time_of_redis_goes_on),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
