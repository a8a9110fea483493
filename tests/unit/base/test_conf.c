/* The settings: their defaults, their bounds, and how they are listed. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"

/* Every setting, a second time: what the README promises. */
static const struct number {
    const char *name;
    const int *field;
    int fallback, min, max;
} NUMBERS[] = {
    {"TIFFIN_PORT", &conf.port, 8000, 1, 65535},
    {"TIFFIN_REDIS_ACKS", &conf.redis_acks, 0, 0, 16},
    {"TIFFIN_REDIS_ACKS_MS", &conf.redis_acks_ms, 500, 10, 60000},
    {"TIFFIN_API_PROCESSES", &conf.api_processes, 0, 0, 64},
    {"TIFFIN_WORKERS", &conf.workers, 1, 0, 64},
    {"TIFFIN_WORKER_CONCURRENCY", &conf.worker_concurrency, 1000, 1, 10000},
    {"TIFFIN_DB_MS", &conf.db_ms, 500, 0, 60000},
    {"TIFFIN_MENU_MS", &conf.menu_ms, 1000, 0, 60000},
    {"TIFFIN_REVIEWS_MS", &conf.reviews_ms, 1500, 0, 60000},
    {"TIFFIN_PAYMENT_MS", &conf.payment_ms, 2000, 0, 60000},
    {"TIFFIN_KITCHEN_MS", &conf.kitchen_ms, 1000, 0, 60000},
    {"TIFFIN_STAGE_MIN_MS", &conf.stage_min_ms, 2000, 0, 3600000},
    {"TIFFIN_STAGE_MAX_MS", &conf.stage_max_ms, 4000, 0, 3600000},
    {"TIFFIN_BROADCAST_MS", &conf.broadcast_ms, 3000, 0, 3600000},
    {"TIFFIN_PAYMENT_DECLINE_PCT", &conf.payment_decline_pct, 0, 0, 100},
    {"TIFFIN_PAYMENT_ERROR_PCT", &conf.payment_error_pct, 0, 0, 100},
    {"TIFFIN_PAYMENT_TIMEOUT_PCT", &conf.payment_timeout_pct, 0, 0, 100},
    {"TIFFIN_PAYMENT_LOST_REPLY_PCT", &conf.payment_lost_reply_pct, 0, 0, 100},
    {"TIFFIN_REDIS_TIMEOUT_MS", &conf.redis_timeout_ms, 1200, 50, 60000},
    {"TIFFIN_REQUEST_TIMEOUT_MS", &conf.request_timeout_ms, 1800, 100, 60000},
    {"TIFFIN_WORKER_TTL_MS", &conf.worker_ttl_ms, 10000, 300, 600000},
    {"TIFFIN_DRAIN_MS", &conf.drain_ms, 5000, 0, 600000},
    {"TIFFIN_RETENTION_DAYS", &conf.retention_days, 30, 1, 3650},
    {"TIFFIN_QUEUE_AGE_S", &conf.queue_age_s, 0, 0, 86400},
    {"TIFFIN_TLS_PORT", &conf.tls_port, 0, 0, 65535},
    {"TIFFIN_TLS_PUBLIC_PORT", &conf.tls_public_port, 0, 0, 65535},
    {"TIFFIN_PUBLIC_PORT", &conf.public_port, 0, 0, 65535},
    {"TIFFIN_HSTS_S", &conf.hsts_s, -1, -1, 2000000000},
    {"TIFFIN_ORDER_RATE", &conf.order_rate, 30, 0, 1000000},
    {"TIFFIN_ORDER_BURST", &conf.order_burst, 20, 0, 1000000},
    {"TIFFIN_RATE", &conf.rate, 50, 0, 1000000},
    {"TIFFIN_RATE_BURST", &conf.rate_burst, 100, 0, 1000000},
    {"TIFFIN_STREAMS_PER_CLIENT", &conf.streams_per_client, 64, 1, 65535},
    {"TIFFIN_LIMIT_LOOPBACK", &conf.limit_loopback, 0, 0, 1},
    {"TIFFIN_BRIDGES", &conf.bridges, 1, 0, 16},
    {"TIFFIN_CHAT_MAX_BYTES", &conf.chat_max_bytes, 4096, 1, 16777216},
    {"TIFFIN_CHAT_RATE", &conf.chat_rate, 10, 0, 1000000},
    {"TIFFIN_CHAT_BURST", &conf.chat_burst, 20, 1, 1000000},
    {"TIFFIN_CHAT_BYTES_RATE", &conf.chat_bytes_rate, 8192, 0, 1000000000},
    {"TIFFIN_CHAT_BYTES_BURST", &conf.chat_bytes_burst, 65536, 1, 1000000000},
    {"TIFFIN_CHAT_ROOM_RATE", &conf.chat_room_rate, 262144, 0, 1000000000},
    {"TIFFIN_CHAT_QUEUE_BYTES", &conf.chat_queue_bytes, 262144, 1024, 1073741824},
    {"TIFFIN_CHAT_ANNOUNCE", &conf.chat_announce, 1, 0, 1},
    {"TIFFIN_CHAT_PING_MS", &conf.chat_ping_ms, 25000, 10, 3600000},
    {"TIFFIN_CHAT_PONG_MS", &conf.chat_pong_ms, 8000, 10, 3600000},
    {"TIFFIN_ACCESS_LOG", &conf.access_log, 1, 0, 1},
    {"TIFFIN_UP_TIMEOUT_S", &conf.up_timeout_s, 20, 1, 3600},
    {"TIFFIN_BENCH", &conf.bench, 0, 0, 1},
};

static const struct text {
    const char *name;
    const char *const *field;
    const char *fallback, *shown; /* as the table of settings shows it */
} TEXTS[] = {
    {"TIFFIN_RUN_DIR", &conf.run_dir, ".run", "`.run`"},
    {"TIFFIN_METRICS_ALLOW", &conf.metrics_allow, "", ""},
    {"TIFFIN_HOSTS", &conf.hosts, "", ""},
    {"TIFFIN_TRUSTED_PROXIES", &conf.trusted_proxies, "", ""},
    {"TIFFIN_TLS_CERT", &conf.tls_cert, "", ""},
    {"TIFFIN_TLS_KEY", &conf.tls_key, "", ""},
    {"TIFFIN_REDIS", &conf.redis, ".run/redis.sock", "`$TIFFIN_RUN_DIR/redis.sock`"},
    {"TIFFIN_REDIS_MAXMEMORY", &conf.redis_maxmemory, "512mb", "`512mb`"},
    {"TIFFIN_SECRETS_DIR", &conf.secrets_dir, ".run/secrets", "`$TIFFIN_RUN_DIR/secrets`"},
    {"TIFFIN_API_LISTEN", &conf.api_listen, ".run/api/%d.sock", "`$TIFFIN_RUN_DIR/api/%d.sock`"},
    {"TIFFIN_WS_LISTEN", &conf.ws_listen, ".run/ws/ws.sock", "`$TIFFIN_RUN_DIR/ws/ws.sock`"},
    {"TIFFIN_CHAT_ORIGINS", &conf.chat_origins, "", ""},
    {"TIFFIN_ORIGINS", &conf.origins, "", ""},
    {"TIFFIN_LOG_LEVEL", &conf.log_level, "info", "`info`"},
};

static char error[512];

static int load(void)
{
    error[0] = '\0';
    return conf_load(error, sizeof error);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void set_number(const char *name, long value)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    set(name, text);
}

static int forget(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(NUMBERS); i++)
        unsetenv(NUMBERS[i].name);
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        unsetenv(TEXTS[i].name);
    memset(&conf, 0, sizeof conf);
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(load(), 0);
    for (size_t i = 0; i < LENGTH(NUMBERS); i++)
        if (*NUMBERS[i].field != NUMBERS[i].fallback)
            fail_msg("%s: %d", NUMBERS[i].name, *NUMBERS[i].field);
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        assert_string_equal(*TEXTS[i].field, TEXTS[i].fallback);
}

static void defaults_stand_below_the_run_dir(void **state)
{
    (void)state;
    set("TIFFIN_RUN_DIR", "/somewhere/else");
    assert_int_equal(load(), 0);
    assert_string_equal(conf.run_dir, "/somewhere/else");
    assert_string_equal(conf.redis, "/somewhere/else/redis.sock");
    assert_string_equal(conf.secrets_dir, "/somewhere/else/secrets");
    assert_string_equal(conf.api_listen, "/somewhere/else/api/%d.sock");
}

/* Of the few that have a form, one that is good. */
static const char *any_value(const struct text *text)
{
    return text->field == &conf.log_level ? "debug"
           : text->field == &conf.origins ? "http://any * https://thing"
                                          : "%R/any thing";
}

static void texts_are_taken_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        set(TEXTS[i].name, any_value(&TEXTS[i]));
    assert_int_equal(load(), 0);
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        assert_string_equal(*TEXTS[i].field, any_value(&TEXTS[i]));
}

static void empty_variable_means_the_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(NUMBERS); i++)
        set(NUMBERS[i].name, "");
    for (size_t i = 0; i < LENGTH(TEXTS); i++)
        set(TEXTS[i].name, "");
    defaults(NULL);
}

/* Settings that a rule ties to the one under test. */
static void give_room(const char *name)
{
    if (strcmp(name, "TIFFIN_STAGE_MIN_MS") == 0)
        set("TIFFIN_STAGE_MAX_MS", "3600000");
    if (strcmp(name, "TIFFIN_STAGE_MAX_MS") == 0)
        set("TIFFIN_STAGE_MIN_MS", "0");
}

static void every_bound_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
        const int values[] = {NUMBERS[i].min, NUMBERS[i].max};
        for (size_t v = 0; v < LENGTH(values); v++) {
            forget(NULL);
            give_room(NUMBERS[i].name);
            set_number(NUMBERS[i].name, values[v]);
            if (load() || *NUMBERS[i].field != values[v])
                fail_msg("%s=%d is refused: %s", NUMBERS[i].name, values[v], error);
        }
    }
}

static void one_beyond_every_bound_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
        const long values[] = {NUMBERS[i].min - 1L, NUMBERS[i].max + 1L};
        for (size_t v = 0; v < LENGTH(values); v++) {
            char start[128];
            forget(NULL);
            give_room(NUMBERS[i].name);
            set_number(NUMBERS[i].name, values[v]);
            snprintf(start, sizeof start, "%s=%ld: must be a whole number from %d to %d",
                     NUMBERS[i].name, values[v], NUMBERS[i].min, NUMBERS[i].max);
            if (load() != -EINVAL || strncmp(error, start, strlen(start)) != 0)
                fail_msg("%s=%ld: \"%s\"", NUMBERS[i].name, values[v], error);
        }
    }
}

static void what_is_no_whole_number_is_refused(void **state)
{
    static const char *const BAD[] = {"x",       "1x",         "1 ",
                                      " ",       "-",          "1.0",
                                      "1e3",     "0x10",       "99999999999999999999",
                                      "1,00",    "-1e9",       "5000s",
                                      "--1",     "4294967296", "18446744073709551617",
                                      "\xd9\xa1"};
    (void)state;
    for (size_t i = 0; i < LENGTH(BAD); i++) {
        set("TIFFIN_DB_MS", BAD[i]);
        if (load() != -EINVAL)
            fail_msg("TIFFIN_DB_MS=%s is taken for %d", BAD[i], conf.db_ms);
    }
}

static void message_names_setting_value_bounds_and_unit(void **state)
{
    (void)state;
    set("TIFFIN_DB_MS", "soon");
    assert_int_equal(load(), -EINVAL);
    assert_string_equal(error, "TIFFIN_DB_MS=soon: must be a whole number from 0 to 60000 ms");
    forget(NULL);
    set("TIFFIN_PORT", "http");
    assert_int_equal(load(), -EINVAL);
    assert_string_equal(error, "TIFFIN_PORT=http: must be a whole number from 1 to 65535");
}

static void message_of_a_very_long_value_fits(void **state)
{
    (void)state;
    char value[5000];
    memset(value, '9', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    set("TIFFIN_WORKER_CONCURRENCY", value);
    char small[256];
    assert_int_equal(conf_load(small, sizeof small), -EINVAL);
    assert_non_null(strstr(small, "must be a whole number from 1 to 10000 jobs"));
    forget(NULL);
    set("TIFFIN_LOG_LEVEL", value);
    set("TIFFIN_REDIS", "/r");
    set("TIFFIN_SECRETS_DIR", "s");
    set("TIFFIN_API_LISTEN", "/a");
    assert_int_equal(conf_load(small, sizeof small), -EINVAL);
    assert_non_null(strstr(small, "must be debug, info, warn or error"));
}

static void stage_minimum_may_not_pass_its_maximum(void **state)
{
    (void)state;
    set("TIFFIN_STAGE_MIN_MS", "4001");
    assert_int_equal(load(), -EINVAL);
    assert_string_equal(error, "TIFFIN_STAGE_MIN_MS=4001 is above TIFFIN_STAGE_MAX_MS=4000");
    set("TIFFIN_STAGE_MIN_MS", "4000");
    assert_int_equal(load(), 0);
    set("TIFFIN_STAGE_MAX_MS", "0");
    assert_int_equal(load(), -EINVAL);
    set("TIFFIN_STAGE_MIN_MS", "0");
    assert_int_equal(load(), 0);
}

static void payment_percentages_may_not_pass_100(void **state)
{
    (void)state;
    set("TIFFIN_PAYMENT_DECLINE_PCT", "25");
    set("TIFFIN_PAYMENT_ERROR_PCT", "25");
    set("TIFFIN_PAYMENT_TIMEOUT_PCT", "25");
    set("TIFFIN_PAYMENT_LOST_REPLY_PCT", "25");
    assert_int_equal(load(), 0);
    set("TIFFIN_PAYMENT_LOST_REPLY_PCT", "26");
    assert_int_equal(load(), -EINVAL);
    assert_non_null(strstr(error, "add up to more than 100"));
}

static void unknown_log_level_is_refused(void **state)
{
    static const char *const GOOD[] = {"debug", "info", "warn", "error"};
    (void)state;
    set("TIFFIN_LOG_LEVEL", "loud");
    assert_int_equal(load(), -EINVAL);
    assert_string_equal(error, "TIFFIN_LOG_LEVEL=loud: must be debug, info, warn or error");
    for (size_t i = 0; i < LENGTH(GOOD); i++) {
        set("TIFFIN_LOG_LEVEL", GOOD[i]);
        assert_int_equal(load(), 0);
    }
}

static void origins_are_checked(void **state)
{
    (void)state;
    assert_int_equal(load(), 0);
    assert_string_equal(conf.origins, "");
    set("TIFFIN_ORIGINS", "https://shop.example http://localhost:3000");
    assert_int_equal(load(), 0);
    assert_string_equal(conf.origins, "https://shop.example http://localhost:3000");
    set("TIFFIN_ORIGINS", "https://shop.example/");
    assert_int_equal(load(), -EINVAL);
    assert_non_null(strstr(error, "TIFFIN_ORIGINS=https://shop.example/: must be origins"));
}

static void addresses_are_checked(void **state)
{
    static const char *const NAMES[] = {"TIFFIN_REDIS", "TIFFIN_API_LISTEN", "TIFFIN_WS_LISTEN"};
    (void)state;
    for (size_t i = 0; i < LENGTH(NAMES); i++) {
        set(NAMES[i], "host");
        assert_int_equal(load(), -EINVAL);
        assert_non_null(strstr(error, "=host: must be host:port"));
        assert_memory_equal(error, NAMES[i], strlen(NAMES[i]));
        set(NAMES[i], "host:1");
        assert_int_equal(load(), 0);
    }
    set("TIFFIN_API_LISTEN", ":9000"); /* on any address; but Redis is at one */
    assert_int_equal(load(), 0);
    set("TIFFIN_REDIS", ":6379");
    assert_int_equal(load(), -EINVAL);
}

static size_t lines_that_start(const char *text, const char *start)
{
    size_t n = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        n += strncmp(line, start, strlen(start)) == 0;
    }
    return n;
}

static void markdown_table_has_every_setting_once(void **state)
{
    (void)state;
    const char *table = printed(conf_print_markdown);
    assert_int_equal(lines_that_start(table, "| `TIFFIN_"), LENGTH(NUMBERS) + LENGTH(TEXTS));
    assert_int_equal(lines_that_start(table, "|"), LENGTH(NUMBERS) + LENGTH(TEXTS) + 2);
    for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
        char start[128], bounds[64];
        snprintf(start, sizeof start, "| `%s` | `%d` | ", NUMBERS[i].name, NUMBERS[i].fallback);
        snprintf(bounds, sizeof bounds, " | %d | %d | ", NUMBERS[i].min, NUMBERS[i].max);
        const char *line = strstr(table, start);
        const char *at = line ? strstr(line, bounds) : NULL;
        if (!line)
            fail_msg("no line %s", start);
        else if (!at || at > strchr(line, '\n'))
            fail_msg("%s: bounds differ", NUMBERS[i].name);
    }
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        char start[128];
        snprintf(start, sizeof start, "| `%s` | %s |  | | | ", TEXTS[i].name, TEXTS[i].shown);
        if (lines_that_start(table, start) != 1)
            fail_msg("no line %s", start);
    }
}

static void markdown_rows_all_have_six_cells(void **state)
{
    (void)state;
    size_t pipes = 0;
    for (const char *c = printed(conf_print_markdown); *c; c++) {
        pipes += *c == '|';
        if (*c != '\n')
            continue;
        assert_int_equal(pipes, 7);
        pipes = 0;
    }
}

static void help_has_every_setting_once(void **state)
{
    (void)state;
    const char *help = printed(conf_print_help);
    for (size_t i = 0; i < LENGTH(NUMBERS) + LENGTH(TEXTS); i++) {
        char start[64];
        snprintf(start, sizeof start, "  %s ",
                 i < LENGTH(NUMBERS) ? NUMBERS[i].name : TEXTS[i - LENGTH(NUMBERS)].name);
        if (lines_that_start(help, start) != 1)
            fail_msg("--help: %s", start);
    }
    assert_null(strstr(help, "%R"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, forget),
        cmocka_unit_test_setup(defaults_stand_below_the_run_dir, forget),
        cmocka_unit_test_setup(texts_are_taken_as_they_are, forget),
        cmocka_unit_test_setup(empty_variable_means_the_default, forget),
        cmocka_unit_test_setup(every_bound_is_allowed, forget),
        cmocka_unit_test_setup(one_beyond_every_bound_is_refused, forget),
        cmocka_unit_test_setup(what_is_no_whole_number_is_refused, forget),
        cmocka_unit_test_setup(message_names_setting_value_bounds_and_unit, forget),
        cmocka_unit_test_setup(message_of_a_very_long_value_fits, forget),
        cmocka_unit_test_setup(stage_minimum_may_not_pass_its_maximum, forget),
        cmocka_unit_test_setup(payment_percentages_may_not_pass_100, forget),
        cmocka_unit_test_setup(addresses_are_checked, forget),
        cmocka_unit_test_setup(origins_are_checked, forget),
        cmocka_unit_test_setup(unknown_log_level_is_refused, forget),
        cmocka_unit_test_setup(markdown_table_has_every_setting_once, forget),
        cmocka_unit_test_setup(markdown_rows_all_have_six_cells, forget),
        cmocka_unit_test_setup(help_has_every_setting_once, forget),
    };
    return cmocka_run_group_tests_name("base/conf", tests, NULL, NULL);
}
