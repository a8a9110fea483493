/* The connection against a redis-server of our own, which is stopped, killed and started again. */
#include "tests/unit/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/rds.h"
#include "tests/unit/support/rds_client.h"
#include "tests/unit/support/redis_server.h"

#define SHORT_MS 1000 /* a timeout to wait for; no busy machine stands still so long */

static struct redis_server server;
static struct rds_client client;

static int start_server(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    redis_server_init(&server);
    conf.secrets_dir = server.secrets;
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    redis_server_release(&server);
    return 0;
}

/* ---- one connection a test ----------------------------------------------------------------- */

/* A test that failed may have left the server stopped, dead or with another password. */
static void mend_server(void)
{
    redis_server_set_secret(&server, "tester", "sesame");
    if (server.pid)
        redis_server_signal(&server, SIGCONT);
    else
        redis_server_start(&server);
}

static int connect_as(const char *user)
{
    mend_server();
    rds_client_init(&client, server.socket, user);
    WAIT_FOR(&client, rds_is_up(client.rds));
    return 0;
}

static int connect_up(void **state)
{
    (void)state;
    return connect_as("tester");
}

static int connect_with_short_timeout(void **state)
{
    (void)state;
    mend_server();
    rds_client_open(&client, &(struct rds_options){.address = server.socket,
                                                   .user = "tester",
                                                   .client_name = "tiffin-unit",
                                                   .timeout_ms = SHORT_MS});
    WAIT_FOR(&client, rds_is_up(client.rds));
    return 0;
}

static int disconnect(void **state)
{
    (void)state;
    rds_client_release(&client);
    return 0;
}

/* Sends one command and waits for its end. */
#define ASK(ret, ...) \
    do { \
        rds_call(client.rds, seen_fill, (ret), __VA_ARGS__); \
        WAIT_FOR(&client, (ret)->n); \
        assert_int_equal((ret)->n, 1); \
    } while (0)

static void assert_works(void)
{
    struct seen s = {0};
    ASK(&s, "ECHO", "still here");
    assert_int_equal(s.outcome, RDS_OK);
    assert_string_equal(s.str, "still here");
}

/* ---- coming up ----------------------------------------------------------------------------- */

static void comes_up_and_tells_once(void **state)
{
    (void)state;
    rds_client_init(&client, server.socket, "tester");
    assert_false(rds_is_up(client.rds));
    assert_string_equal(rds_reason(client.rds), "not connected yet");
    assert_int_equal(client.ups, 0);
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_client_turn_for(&client, 20);
    assert_int_equal(client.ups, 1);
    assert_int_equal(client.downs, 0);
    assert_string_equal(rds_reason(client.rds), "");
    rds_client_release(&client);
}

static void signs_in_as_its_user_under_its_name(void **state)
{
    (void)state;
    struct seen user = {0}, name = {0};
    ASK(&user, "ACL", "WHOAMI");
    ASK(&name, "CLIENT", "GETNAME");
    assert_string_equal(user.str, "tester");
    assert_string_equal(name.str, "tiffin-unit");
}

static void knows_the_time_of_redis(void **state)
{
    (void)state;
    int64_t apart = rds_now_ms(client.rds) - clock_wall_ms();
    assert_in_range(apart + WAIT_MS, 0, 2 * WAIT_MS); /* the same machine's clock */
}

static void wrong_password_keeps_it_down_with_the_reason(void **state)
{
    (void)state;
    redis_server_set_secret(&server, "tester", "wrong");
    rds_client_init(&client, server.socket, "tester");
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "WRONGPASS"));
    assert_false(rds_is_up(client.rds));
    assert_int_equal(client.ups, 0);
    assert_int_equal(client.downs, 0);
    struct seen s = {0};
    ASK(&s, "PING");
    assert_int_equal(s.outcome, RDS_UNSENT);
    assert_non_null(strstr(s.text, "WRONGPASS"));
    /* and once it is put right, it comes up by itself */
    redis_server_set_secret(&server, "tester", "sesame");
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    rds_client_release(&client);
}

static void missing_password_keeps_it_down_with_the_reason(void **state)
{
    (void)state;
    redis_server_set_secret(&server, "tester", NULL);
    rds_client_init(&client, server.socket, "tester");
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "no password of Redis user tester"));
    assert_false(rds_is_up(client.rds));
    redis_server_set_secret(&server, "tester", "sesame");
    WAIT_FOR(&client, rds_is_up(client.rds));
    rds_client_release(&client);
}

static void address_where_nobody_listens(void **state)
{
    static const char *const ADDRESSES[] = {"/tmp/tiffin-unit-nowhere/redis.sock", "127.0.0.1:1"};
    (void)state;
    for (size_t i = 0; i < LENGTH(ADDRESSES); i++) {
        struct seen s = {0};
        rds_client_init(&client, ADDRESSES[i], "tester");
        WAIT_FOR(&client, strstr(rds_reason(client.rds), ADDRESSES[i]));
        assert_false(rds_is_up(client.rds));
        ASK(&s, "PING");
        assert_int_equal(s.outcome, RDS_UNSENT);
        assert_non_null(strstr(s.text, "cannot connect"));
        assert_int_equal(client.ups + client.downs, 0);
        rds_client_release(&client);
    }
}

/* ---- commands ------------------------------------------------------------------------------ */

static void replies_of_every_type(void **state)
{
    (void)state;
    struct seen status = {0}, text = {0}, number = {0}, nil = {0}, list = {0};
    ASK(&status, "SET", "key", "value \xc3\xa9 %s $1\r\n");
    ASK(&text, "GET", "key");
    ASK(&number, "STRLEN", "key");
    ASK(&nil, "GET", "no such key");
    ASK(&list, "MGET", "key", "no such key", "key");
    assert_string_equal(status.str, "OK");
    assert_string_equal(text.str, "value \xc3\xa9 %s $1\r\n");
    assert_int_equal(number.number, 16);
    assert_int_equal(nil.outcome, RDS_OK);
    assert_string_equal(nil.str, "");
    assert_int_equal(list.len, 3);
    assert_string_equal(list.text, "");
}

static void empty_arguments_pass(void **state)
{
    (void)state;
    struct seen set = {0}, get = {0};
    ASK(&set, "SET", "", "");
    ASK(&get, "STRLEN", "");
    assert_int_equal(set.outcome, RDS_OK);
    assert_int_equal(get.number, 0);
}

static void arguments_are_copied_before_the_call_returns(void **state)
{
    (void)state;
    char word[16] = "before";
    struct seen s = {0};
    rds_call(client.rds, seen_fill, &s, "ECHO", word);
    strcpy(word, "after");
    WAIT_FOR(&client, s.n);
    assert_string_equal(s.str, "before");
}

static void callback_may_be_absent(void **state)
{
    (void)state;
    assert_non_null(rds_call(client.rds, NULL, NULL, "SET", "quiet", "yes"));
    struct seen s = {0};
    ASK(&s, "GET", "quiet");
    assert_string_equal(s.str, "yes");
}

static void error_reply_is_an_error_and_the_connection_stays(void **state)
{
    (void)state;
    struct seen s = {0}, unknown = {0};
    ASK(&s, "SET", "text", "x");
    s.n = 0;
    ASK(&s, "HGET", "text", "field");
    assert_int_equal(s.outcome, RDS_ERROR);
    assert_non_null(strstr(s.text, "WRONGTYPE"));
    ASK(&unknown, "FROBNICATE");
    assert_int_equal(unknown.outcome, RDS_ERROR);
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void missing_right_is_an_error(void **state)
{
    (void)state;
    struct seen s = {0}, ping = {0};
    connect_as("greeter");
    ASK(&s, "GET", "key");
    assert_int_equal(s.outcome, RDS_ERROR);
    assert_non_null(strstr(s.text, "NOPERM"));
    ASK(&ping, "PING");
    assert_int_equal(ping.outcome, RDS_OK);
    rds_client_release(&client);
}

enum { MANY = 2000 };
static int finished[MANY], n_finished;

static void on_one_of_many(void *arg, const struct rds_result *result)
{
    int64_t value = 0;
    int *mine = arg;
    assert_int_equal(result->outcome, RDS_OK);
    assert_int_equal(rds_int(result->reply, &value), 0);
    assert_int_equal(value, n_finished + 1); /* answers come in the order of their commands */
    assert_ptr_equal(mine, &finished[n_finished]);
    n_finished++;
    (*mine)++;
}

static void many_commands_complete_once_each_in_order(void **state)
{
    (void)state;
    struct seen s = {0};
    ASK(&s, "DEL", "counter");
    memset(finished, 0, sizeof finished);
    n_finished = 0;
    for (int i = 0; i < MANY; i++)
        rds_call(client.rds, on_one_of_many, &finished[i], "INCR", "counter");
    assert_int_equal(n_finished, 0);
    WAIT_FOR(&client, n_finished == MANY);
    rds_client_turn_for(&client, 20);
    assert_int_equal(n_finished, MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(finished[i], 1);
}

/* More than a socket takes at once: the rest is written when it becomes writable. */
static void large_values_pass_in_both_directions(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    char *value = mem_alloc(SIZE + 1);
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    struct seen set = {0}, get = {0}, after = {0};
    rds_call(client.rds, seen_fill, &set, "SET", "large", value);
    rds_call(client.rds, seen_fill, &get, "GET", "large");
    rds_call(client.rds, seen_fill, &after, "DEL", "large");
    free(value);
    WAIT_FOR(&client, after.n);
    assert_int_equal(set.n, 1);
    assert_int_equal(set.outcome, RDS_OK);
    assert_int_equal(get.str_len, SIZE);
    assert_int_equal(after.number, 1);
}

static void never_called_back_before_the_call_returns(void **state)
{
    (void)state;
    struct seen up = {0}, down = {0};
    rds_call(client.rds, seen_fill, &up, "PING");
    assert_int_equal(up.n, 0);
    WAIT_FOR(&client, up.n);
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    rds_call(client.rds, seen_fill, &down, "PING");
    assert_int_equal(down.n, 0);
    rds_client_turn(&client);
    assert_int_equal(down.n, 1);
    assert_int_equal(down.outcome, RDS_UNSENT);
    redis_server_start(&server);
}

/* ---- from inside callbacks ------------------------------------------------------------------ */

struct chain {
    int left, n;
    enum rds_outcome outcomes[16];
};

static void on_link(void *arg, const struct rds_result *result)
{
    struct chain *chain = arg;
    chain->outcomes[chain->n++] = result->outcome;
    if (chain->left-- > 0)
        rds_call(client.rds, on_link, chain, "PING");
}

static void commands_from_inside_callbacks(void **state)
{
    (void)state;
    struct chain chain = {.left = 10};
    rds_call(client.rds, on_link, &chain, "PING");
    WAIT_FOR(&client, chain.n == 11);
    for (int i = 0; i < chain.n; i++)
        assert_int_equal(chain.outcomes[i], RDS_OK);
}

static void commands_from_inside_an_unsent_callback(void **state)
{
    (void)state;
    struct chain chain = {.left = 3};
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_call(client.rds, on_link, &chain, "PING");
    WAIT_FOR(&client, chain.n == 4);
    rds_client_turn_for(&client, 20);
    assert_int_equal(chain.n, 4);
    for (int i = 0; i < chain.n; i++)
        assert_int_equal(chain.outcomes[i], RDS_UNSENT);
    rds_client_release(&client);
}

static void commands_from_inside_a_lost_callback_are_unsent(void **state)
{
    (void)state;
    struct chain chain = {.left = 2};
    redis_server_signal(&server, SIGSTOP);
    rds_call(client.rds, on_link, &chain, "PING");
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, chain.n == 3);
    assert_int_equal(chain.outcomes[0], RDS_LOST);
    assert_int_equal(chain.outcomes[1], RDS_UNSENT);
    assert_int_equal(chain.outcomes[2], RDS_UNSENT);
    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static void cancelled_command_is_silent_but_runs(void **state)
{
    (void)state;
    struct seen first = {0}, cancelled = {0}, last = {0};
    rds_call(client.rds, seen_fill, &first, "SET", "n", "1");
    struct rds_cmd *cmd = rds_call(client.rds, seen_fill, &cancelled, "INCR", "n");
    rds_call(client.rds, seen_fill, &last, "GET", "n");
    rds_cancel(cmd);
    rds_cancel(cmd); /* twice is fine */
    WAIT_FOR(&client, last.n);
    assert_int_equal(first.n, 1);
    assert_int_equal(cancelled.n, 0);
    assert_string_equal(last.str, "2");
    rds_cancel(NULL);
}

static void cancelled_command_is_silent_when_unsent_or_lost(void **state)
{
    (void)state;
    struct seen lost = {0}, unsent = {0};
    redis_server_signal(&server, SIGSTOP);
    rds_cancel(rds_call(client.rds, seen_fill, &lost, "PING"));
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    rds_cancel(rds_call(client.rds, seen_fill, &unsent, "PING"));
    rds_client_turn_for(&client, 20);
    assert_int_equal(lost.n, 0);
    assert_int_equal(unsent.n, 0);
    redis_server_start(&server);
}

static struct rds_cmd *victim;

static void on_cancel_another(void *arg, const struct rds_result *result)
{
    seen_fill(arg, result);
    rds_cancel(victim);
}

static void cancelling_another_from_inside_a_callback(void **state)
{
    (void)state;
    struct seen first = {0}, second = {0}, third = {0};
    rds_call(client.rds, on_cancel_another, &first, "PING");
    victim = rds_call(client.rds, seen_fill, &second, "PING");
    rds_call(client.rds, seen_fill, &third, "PING");
    WAIT_FOR(&client, third.n);
    assert_int_equal(first.n, 1);
    assert_int_equal(second.n, 0);
}

static void cancelling_another_unsent_from_inside_a_callback(void **state)
{
    (void)state;
    struct seen first = {0}, second = {0}, third = {0};
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_call(client.rds, on_cancel_another, &first, "PING");
    victim = rds_call(client.rds, seen_fill, &second, "PING");
    rds_call(client.rds, seen_fill, &third, "PING");
    WAIT_FOR(&client, third.n);
    assert_int_equal(first.n, 1);
    assert_int_equal(second.n, 0);
    rds_client_release(&client);
}

/* ---- losing it ------------------------------------------------------------------------------ */

static void stopped_redis_times_out_and_recovers(void **state)
{
    (void)state;
    struct seen s[3] = {0}, later = {0};
    redis_server_signal(&server, SIGSTOP);
    int64_t start = clock_mono_ms();
    rds_client_turn(&client); /* a call's time counts from the beginning of its turn */
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &s[i], "PING");
    WAIT_FOR(&client, s[2].n);
    assert_in_range(clock_mono_ms() - start, SHORT_MS - 10, WAIT_MS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].n, 1);
        assert_int_equal(s[i].outcome, RDS_TIMEOUT);
        assert_string_equal(s[i].text, "Redis does not answer");
    }
    assert_false(rds_is_up(client.rds));
    assert_string_equal(rds_reason(client.rds), "Redis does not answer");
    ASK(&later, "PING");
    assert_int_equal(later.outcome, RDS_UNSENT);
    assert_int_equal(client.downs, 1);

    redis_server_signal(&server, SIGCONT);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    assert_int_equal(client.ups, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s[i].n, 1); /* no late answers */
}

/* The oldest command's time counts, not that of one sent a moment ago. */
static void deadline_is_the_oldest_commands(void **state)
{
    (void)state;
    struct seen first = {0}, second = {0};
    redis_server_signal(&server, SIGSTOP);
    int64_t start = clock_mono_ms();
    rds_client_turn(&client);
    rds_call(client.rds, seen_fill, &first, "PING");
    rds_client_turn_for(&client, SHORT_MS / 4);
    rds_call(client.rds, seen_fill, &second, "PING");
    WAIT_FOR(&client, first.n);
    assert_in_range(clock_mono_ms() - start, SHORT_MS - 10, WAIT_MS);
    assert_int_equal(second.n, 1);
    assert_int_equal(second.outcome, RDS_TIMEOUT);
    redis_server_signal(&server, SIGCONT);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

static void steady_answers_never_time_out(void **state)
{
    (void)state;
    for (int64_t end = clock_mono_ms() + 2 * SHORT_MS; clock_mono_ms() < end;)
        assert_works();
    rds_client_turn_for(&client, SHORT_MS + 20); /* and an idle connection does not either */
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void killed_redis_loses_what_is_pending_and_comes_back(void **state)
{
    (void)state;
    struct seen s[3] = {0}, away = {0};
    redis_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &s[i], "PING");
    rds_client_turn(&client);
    redis_server_kill(&server);
    WAIT_FOR(&client, s[2].n);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s[i].n, 1);
        assert_int_equal(s[i].outcome, RDS_LOST);
        assert_string_equal(s[i].text, "the connection to Redis broke");
    }
    WAIT_FOR(&client, client.downs);
    assert_false(rds_is_up(client.rds));
    ASK(&away, "PING");
    assert_int_equal(away.outcome, RDS_UNSENT);
    WAIT_FOR(&client, strstr(rds_reason(client.rds), "cannot connect"));

    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
    assert_works();
    assert_int_equal(client.ups, 2);
    assert_int_equal(client.downs, 1);
}

static void idle_connection_notices_the_end(void **state)
{
    (void)state;
    redis_server_kill(&server);
    WAIT_FOR(&client, client.downs);
    assert_false(rds_is_up(client.rds));
    redis_server_start(&server);
    WAIT_FOR(&client, client.ups == 2);
    assert_works();
}

/* A command in the same turn in which the connection breaks unseen: completed all the same. */
static void command_into_a_broken_connection_is_completed(void **state)
{
    (void)state;
    struct seen s = {0};
    redis_server_kill(&server);
    ASK(&s, "PING");
    assert_int_equal(s.outcome, RDS_LOST);
    redis_server_start(&server);
    WAIT_FOR(&client, rds_is_up(client.rds));
}

/* ---- servers that cannot serve --------------------------------------------------------------- */

static void refusal_for_now_keeps_the_connection(void **state)
{
    (void)state;
    struct seen full = {0}, set = {0}, room = {0};
    ASK(&full, "CONFIG", "SET", "maxmemory", "1");
    ASK(&set, "SET", "key", "value");
    assert_int_equal(set.outcome, RDS_ERROR);
    assert_int_equal(strncmp(set.text, "OOM ", 4), 0);
    ASK(&room, "CONFIG", "SET", "maxmemory", "0");
    assert_works();
    assert_int_equal(client.downs, 0);
}

static void read_only_server_is_left_for_a_new_connection(void **state)
{
    (void)state;
    struct seen replica = {0}, set = {0}, behind = {0}, back = {0};
    ASK(&replica, "REPLICAOF", "127.0.0.1", "1");
    rds_call(client.rds, seen_fill, &set, "SET", "key", "value");
    rds_call(client.rds, seen_fill, &behind, "PING");
    WAIT_FOR(&client, set.n && behind.n);
    assert_int_equal(set.outcome, RDS_ERROR);
    assert_int_equal(strncmp(set.text, "READONLY ", 9), 0);
    assert_true(behind.outcome == RDS_OK || behind.outcome == RDS_LOST);
    WAIT_FOR(&client, client.downs == 1 && client.ups == 2);
    ASK(&back, "REPLICAOF", "NO", "ONE");
    assert_int_equal(set.n, 1);
    assert_int_equal(behind.n, 1);
    assert_works();
}

/* ---- blocking commands ------------------------------------------------------------------------
 */

static void blocking_connection_waits_for_its_command(void **state)
{
    (void)state;
    struct seen nothing = {0};
    rds_client_open(&client, &(struct rds_options){.address = server.socket,
                                                   .user = "tester",
                                                   .client_name = "tiffin-unit",
                                                   .timeout_ms = 5000,
                                                   .blocking = 1});
    WAIT_FOR(&client, rds_is_up(client.rds));
    int64_t start = clock_mono_ms();
    ASK(&nothing, "BLPOP", "no such list", "0.05");
    assert_in_range(clock_mono_ms() - start, 40, WAIT_MS);
    assert_int_equal(nothing.outcome, RDS_OK);
    assert_int_equal(nothing.len, 0);
    rds_client_release(&client);
}

static void forced_unblock_is_an_error_and_a_new_connection(void **state)
{
    (void)state;
    struct rds_client blocked;
    struct seen id = {0}, wait = {0}, unblock = {0};
    char number[32];
    rds_client_init(&blocked, server.socket, "tester");
    WAIT_FOR(&blocked, rds_is_up(blocked.rds));
    rds_call(blocked.rds, seen_fill, &id, "CLIENT", "ID");
    WAIT_FOR(&blocked, id.n);
    snprintf(number, sizeof number, "%lld", (long long)id.number);
    rds_call(blocked.rds, seen_fill, &wait, "BLPOP", "no such list", "0");
    for (int64_t end = clock_mono_ms() + WAIT_MS; unblock.number != 1;) { /* 0: not there yet */
        assert_true(clock_mono_ms() < end);
        rds_client_turn(&blocked);
        unblock = (struct seen){0};
        ASK(&unblock, "CLIENT", "UNBLOCK", number, "ERROR");
    }
    WAIT_FOR(&blocked, wait.n);
    assert_int_equal(wait.outcome, RDS_ERROR);
    assert_int_equal(strncmp(wait.text, "UNBLOCKED ", 10), 0);
    WAIT_FOR(&blocked, blocked.ups == 2);
    rds_client_release(&blocked);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void free_with_commands_pending_completes_none(void **state)
{
    (void)state;
    struct seen sent[3] = {0}, queued = {0};
    connect_up(NULL);
    redis_server_signal(&server, SIGSTOP);
    for (int i = 0; i < 3; i++)
        rds_call(client.rds, seen_fill, &sent[i], "PING");
    rds_client_turn(&client);
    rds_call(client.rds, seen_fill, &queued, "PING"); /* not written yet */
    rds_client_release(&client);
    assert_int_equal(sent[0].n + sent[1].n + sent[2].n + queued.n, 0);
    assert_int_equal(client.downs, 0);
    redis_server_signal(&server, SIGCONT);
}

static void free_with_unsent_commands_completes_none(void **state)
{
    (void)state;
    struct seen s = {0};
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_call(client.rds, seen_fill, &s, "PING");
    rds_client_release(&client);
    assert_int_equal(s.n, 0);
}

static void free_while_connecting(void **state)
{
    (void)state;
    redis_server_signal(&server, SIGSTOP);
    rds_client_init(&client, server.socket, "tester");
    rds_client_turn_for(&client, 20);
    assert_false(rds_is_up(client.rds));
    rds_client_release(&client);
    redis_server_signal(&server, SIGCONT);
    rds_client_init(&client, server.socket, "tester");
    rds_client_release(&client); /* before the loop has turned */
}

static void free_while_waiting_to_try_again(void **state)
{
    (void)state;
    rds_client_init(&client, "/tmp/tiffin-unit-nowhere/redis.sock", "tester");
    rds_client_turn_for(&client, 30);
    rds_client_release(&client);
    rds_free(NULL);
}

#define UP(test) cmocka_unit_test_setup_teardown(test, connect_up, disconnect)
#define SHORT(test) cmocka_unit_test_setup_teardown(test, connect_with_short_timeout, disconnect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_up_and_tells_once),
        UP(signs_in_as_its_user_under_its_name),
        UP(knows_the_time_of_redis),
        cmocka_unit_test(wrong_password_keeps_it_down_with_the_reason),
        cmocka_unit_test(missing_password_keeps_it_down_with_the_reason),
        cmocka_unit_test(address_where_nobody_listens),
        UP(replies_of_every_type),
        UP(empty_arguments_pass),
        UP(arguments_are_copied_before_the_call_returns),
        UP(callback_may_be_absent),
        UP(error_reply_is_an_error_and_the_connection_stays),
        cmocka_unit_test(missing_right_is_an_error),
        UP(many_commands_complete_once_each_in_order),
        UP(large_values_pass_in_both_directions),
        UP(never_called_back_before_the_call_returns),
        UP(commands_from_inside_callbacks),
        cmocka_unit_test(commands_from_inside_an_unsent_callback),
        UP(commands_from_inside_a_lost_callback_are_unsent),
        UP(cancelled_command_is_silent_but_runs),
        UP(cancelled_command_is_silent_when_unsent_or_lost),
        UP(cancelling_another_from_inside_a_callback),
        cmocka_unit_test(cancelling_another_unsent_from_inside_a_callback),
        SHORT(stopped_redis_times_out_and_recovers),
        SHORT(deadline_is_the_oldest_commands),
        SHORT(steady_answers_never_time_out),
        UP(killed_redis_loses_what_is_pending_and_comes_back),
        UP(idle_connection_notices_the_end),
        UP(command_into_a_broken_connection_is_completed),
        UP(refusal_for_now_keeps_the_connection),
        UP(read_only_server_is_left_for_a_new_connection),
        cmocka_unit_test(blocking_connection_waits_for_its_command),
        UP(forced_unblock_is_an_error_and_a_new_connection),
        cmocka_unit_test(free_with_commands_pending_completes_none),
        cmocka_unit_test(free_with_unsent_commands_completes_none),
        cmocka_unit_test(free_while_connecting),
        cmocka_unit_test(free_while_waiting_to_try_again),
    };
    return cmocka_run_group_tests_name("base/rds", tests, start_server, stop_server);
}
