/* The connection against a server that says what a script wants: what a real Redis seldom says. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/rds.h"
#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/secrets.h"

#define TIME_OK "*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define GREETING_OK "+OK\r\n+OK\r\n+PONG\r\n" MASTER TIME_OK
#define GREETING_COMMANDS 5

/* One connection of the script: what it answers to the greeting and to the next command; NULL is
 * silence. Then it hangs up, or waits for the client to. */
struct act {
    const char *greeting, *then;
    int hangs_up, is_slow; /* byte by byte */
};

static char address[64];
static pid_t player;
static struct rds_client client;

/* ---- the server, in a process of its own ----------------------------------------------------- */

static void say(int fd, const char *text, int is_slow)
{
    size_t n = strlen(text);
    for (size_t i = 0, step = is_slow ? 1 : n; i < n; i += step) {
        if (send(fd, text + i, step, MSG_NOSIGNAL) < 0)
            return;
        if (is_slow)
            nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
}

/* Reads until so many commands have begun; every one begins with '*', no argument has one. */
static int hear(int fd, int commands)
{
    char bytes[512];
    while (commands > 0) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            return -1;
        for (ssize_t i = 0; i < n; i++)
            commands -= bytes[i] == '*';
    }
    return 0;
}

static void play_act(int fd, const struct act *act)
{
    char byte;
    if (hear(fd, GREETING_COMMANDS))
        return;
    if (act->greeting)
        say(fd, act->greeting, act->is_slow);
    if (act->then && !hear(fd, 1))
        say(fd, act->then, act->is_slow);
    while (!act->hangs_up && recv(fd, &byte, 1, 0) > 0)
        ;
}

static void play(int listen_fd, const struct act *acts, size_t n)
{
    for (size_t i = 0;; i++) {
        int fd = accept(listen_fd, NULL, NULL);
        if (fd < 0)
            _exit(1);
        play_act(fd, &acts[i < n ? i : n - 1]); /* the last act is played again and again */
        close(fd);
    }
}

static void start(const struct act *acts, size_t n, int timeout_ms)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    pid_t parent = getpid();
    snprintf(name.sun_path, sizeof name.sun_path, "%s", address);
    unlink(address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 8), 0);
    player = fork();
    assert_true(player >= 0);
    if (player == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            play(fd, acts, n);
        _exit(1);
    }
    close(fd);
    rds_client_open(&client, &(struct rds_options){.address = address,
                                                   .user = "api",
                                                   .client_name = "tiffin-unit",
                                                   .timeout_ms = timeout_ms});
}
#define START(...) \
    start((const struct act[]){__VA_ARGS__}, \
          sizeof((const struct act[]){__VA_ARGS__}) / sizeof(struct act), 5000)

static int stop(void **state)
{
    (void)state;
    rds_client_release(&client);
    kill(player, SIGKILL);
    waitpid(player, NULL, 0);
    return 0;
}

static int make_dir(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    secrets_make("api");
    snprintf(address, sizeof address, "%s/redis.sock", conf.secrets_dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(address);
    secrets_remove();
    return 0;
}

/* ---- greetings --------------------------------------------------------------------------------
 */

static void time_of_redis_is_taken_over(void **state)
{
    (void)state;
    START({.greeting = GREETING_OK});
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_in_range(rds_now_ms(client.rds), 1700000000123, 1700000000123 + WAIT_MS);
}

static void time_that_is_none_is_ignored(void **state)
{
    (void)state;
    START({.greeting = "+OK\r\n+OK\r\n+PONG\r\n" MASTER "*2\r\n$4\r\nsoon\r\n:1\r\n"});
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_in_range(rds_now_ms(client.rds) - clock_wall_ms() + 1000, 0, 2000);
}

static void redis_that_is_loading_is_asked_again(void **state)
{
    (void)state;
    static const char LOADING[] = "+OK\r\n+OK\r\n-LOADING Redis is loading\r\n" MASTER TIME_OK;
    START({.greeting = LOADING}, {.greeting = LOADING}, {.greeting = LOADING},
          {.greeting = GREETING_OK, .then = "+PONG\r\n"});
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "LOADING Redis is loading"));
    assert_int_equal(client.ups, 0);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_int_equal(client.ups, 1);
    assert_int_equal(client.downs, 0);
}

static void a_replica_is_given_up(void **state)
{
    (void)state;
    START({.greeting = "+OK\r\n+OK\r\n+PONG\r\n*1\r\n$5\r\nslave\r\n" TIME_OK}, {.greeting = NULL});
    char why[128];
    snprintf(why, sizeof why, "Redis at %s is a slave, not a master", address);
    WAIT_FOR(&client, strcmp(rds_reason(client.rds), why) == 0);
    assert_int_equal(client.ups, 0);
}

static void too_many_clients_is_the_reason(void **state)
{
    (void)state;
    START({.greeting = "-ERR max number of clients reached\r\n", .hangs_up = 1});
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "max number of clients reached"));
    rds_client_turn_for(&client, 50);
    assert_int_equal(client.ups, 0);
}

static void error_in_any_answer_of_the_greeting(void **state)
{
    static const char *const GREETINGS[] = {
        "-NOPERM a\r\n+OK\r\n+PONG\r\n" MASTER TIME_OK,
        "+OK\r\n-NOPERM a\r\n+PONG\r\n" MASTER TIME_OK,
        "+OK\r\n+OK\r\n-NOPERM a\r\n" MASTER TIME_OK,
        "+OK\r\n+OK\r\n+PONG\r\n-NOPERM a\r\n" TIME_OK,
        "+OK\r\n+OK\r\n+PONG\r\n" MASTER "-NOPERM a\r\n",
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(GREETINGS); i++) {
        START({.greeting = GREETINGS[i]});
        WAIT_FOR(&client, strcmp(rds_reason(client.rds), "NOPERM a") == 0);
        assert_int_equal(client.ups, 0);
        if (i + 1 < LENGTH(GREETINGS))
            stop(NULL);
    }
}

static void broken_greetings_are_tried_again(void **state)
{
    (void)state;
    START({.hangs_up = 1}, {.greeting = "+OK\r\n+O", .hangs_up = 1},
          {.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"}, {.greeting = GREETING_OK});
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_int_equal(client.ups, 1);
    assert_int_equal(client.downs, 0);
}

static void greeting_byte_by_byte(void **state)
{
    (void)state;
    struct seen s = {0};
    START({.greeting = GREETING_OK, .then = "*2\r\n$3\r\nabc\r\n:12\r\n", .is_slow = 1});
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_call(client.rds, seen_fill, &s, "ANYTHING");
    WAIT_FOR(&client, s.n);
    assert_int_equal(s.outcome, RDS_OK);
    assert_int_equal(s.len, 2);
}

static void silence_after_connecting_is_given_up(void **state)
{
    (void)state;
    struct seen s = {0};
    int64_t began = clock_mono_ms();
    START({.greeting = NULL}, {.greeting = GREETING_OK});
    rds_client_turn_for(&client, 50);
    rds_call(client.rds, seen_fill, &s, "PING"); /* not kept for later */
    WAIT_FOR(&client, s.n);
    assert_int_equal(s.outcome, RDS_UNSENT);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_in_range(clock_mono_ms() - began, 900, WAIT_MS);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static void lost_by(const char *answer, int hangs_up)
{
    struct seen s = {0};
    START({.greeting = GREETING_OK, .then = answer, .hangs_up = hangs_up},
          {.greeting = GREETING_OK});
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_call(client.rds, seen_fill, &s, "ANYTHING");
    WAIT_FOR(&client, client.ups == 2);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.outcome, RDS_LOST);
    assert_int_equal(client.downs, 1);
}

static void answer_that_is_not_the_protocol(void **state)
{
    (void)state;
    lost_by("?what\r\n", 0);
}

static void half_an_answer_then_the_end(void **state)
{
    (void)state;
    lost_by("*2\r\n$3\r\nabc\r\n$10\r\nabc", 1);
}

static void no_answer_but_the_end(void **state)
{
    (void)state;
    lost_by("", 1);
}

/* An answer and the reason to leave in one: this command has its answer, the rest is lost. */
static void reconnect_errors_complete_the_others_as_lost(void **state)
{
    static const char *const ERRORS[] = {"LOADING", "READONLY", "MASTERDOWN", "MOVED", "UNBLOCKED"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ERRORS); i++) {
        char answer[64];
        struct seen first = {0}, second = {0};
        snprintf(answer, sizeof answer, "-%s whatever\r\n", ERRORS[i]);
        START({.greeting = GREETING_OK, .then = answer}, {.greeting = GREETING_OK});
        WAIT_FOR(&client, rds_is_up(client.rds));
        rds_call(client.rds, seen_fill, &first, "ANYTHING");
        rds_call(client.rds, seen_fill, &second, "ANYTHING");
        WAIT_FOR(&client, client.ups == 2);
        assert_int_equal(first.n, 1);
        assert_int_equal(first.outcome,
                         strcmp(ERRORS[i], "UNBLOCKED") == 0 ? RDS_ERROR : RDS_UNSENT);
        assert_int_equal(second.n, 1);
        assert_int_equal(second.outcome, RDS_LOST);
        assert_int_equal(strncmp(second.text, ERRORS[i], strlen(ERRORS[i])), 0);
        if (i + 1 < LENGTH(ERRORS))
            stop(NULL);
    }
}

/* Another connection would be told the same. */
static void refusals_that_pass_keep_the_connection(void **state)
{
    static const char *const ERRORS[] = {"NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "ASK"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ERRORS); i++) {
        char answers[64];
        struct seen first = {0}, second = {0};
        snprintf(answers, sizeof answers, "-%s whatever\r\n+OK\r\n", ERRORS[i]);
        START({.greeting = GREETING_OK, .then = answers});
        WAIT_FOR(&client, rds_is_up(client.rds));
        rds_call(client.rds, seen_fill, &first, "ANYTHING");
        rds_call(client.rds, seen_fill, &second, "ANYTHING");
        WAIT_FOR(&client, first.n && second.n);
        assert_int_equal(first.outcome, RDS_UNSENT);
        assert_int_equal(strncmp(first.text, ERRORS[i], strlen(ERRORS[i])), 0);
        assert_int_equal(second.outcome, RDS_OK);
        assert_int_equal(client.downs, 0);
        if (i + 1 < LENGTH(ERRORS))
            stop(NULL);
    }
}

/* A replica greets like a master: only a connection that has served for a while is a reason to come
 * back at once. */
static void the_back_off_grows_while_no_connection_lasts(void **state)
{
    (void)state;
    START({.greeting = GREETING_OK, .then = "-READONLY whatever\r\n"});
    int64_t began = clock_mono_ms();
    for (int ups = 1; ups <= 6; ups++) {
        struct seen seen = {0};
        WAIT_FOR(&client, client.ups == ups);
        rds_call(client.rds, seen_fill, &seen, "ANYTHING");
        WAIT_FOR(&client, seen.n);
    }
    /* five waits: the half, at least, of 10, 20, 40, 80 and 160 ms */
    assert_true(clock_mono_ms() - began >= 155);
}

/* Found by the TIME that is asked once a second, even when nobody sends a command. */
static void half_open_idle_connection_is_found(void **state)
{
    (void)state;
    int64_t began = clock_mono_ms();
    start((const struct act[]){{.greeting = GREETING_OK}}, 1, 100);
    WAIT_FOR(&client, rds_is_up(client.rds));
    WAIT_FOR(&client, client.downs == 1);
    assert_in_range(clock_mono_ms() - began, 900, WAIT_MS);
    assert_string_equal(rds_reason(client.rds), "Redis does not answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(time_of_redis_is_taken_over, stop),
        cmocka_unit_test_teardown(time_that_is_none_is_ignored, stop),
        cmocka_unit_test_teardown(redis_that_is_loading_is_asked_again, stop),
        cmocka_unit_test_teardown(a_replica_is_given_up, stop),
        cmocka_unit_test_teardown(too_many_clients_is_the_reason, stop),
        cmocka_unit_test_teardown(error_in_any_answer_of_the_greeting, stop),
        cmocka_unit_test_teardown(broken_greetings_are_tried_again, stop),
        cmocka_unit_test_teardown(greeting_byte_by_byte, stop),
        cmocka_unit_test_teardown(silence_after_connecting_is_given_up, stop),
        cmocka_unit_test_teardown(answer_that_is_not_the_protocol, stop),
        cmocka_unit_test_teardown(half_an_answer_then_the_end, stop),
        cmocka_unit_test_teardown(no_answer_but_the_end, stop),
        cmocka_unit_test_teardown(reconnect_errors_complete_the_others_as_lost, stop),
        cmocka_unit_test_teardown(refusals_that_pass_keep_the_connection, stop),
        cmocka_unit_test_teardown(the_back_off_grows_while_no_connection_lasts, stop),
        cmocka_unit_test_teardown(half_open_idle_connection_is_found, stop),
    };
    return cmocka_run_group_tests_name("base/rds scripted", tests, make_dir, remove_dir);
}
