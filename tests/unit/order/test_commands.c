/* The arguments of every command, as Redis hears them. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "order/chat.h"
#include "order/commands.h"

#define ORDER "order_00aaaaaaaaaaaaaaaaaaaa"
#define ORDER2 "order_00cccccccccccccccccccc"
#define UPDATE "update_00bbbbbbbbbbbbbbbbbbbb"
#define TAG "{s00}"

static const char *const WORKERS[] = {"w1", "w2"};
static const struct id_list TWO_WORKERS = {WORKERS, 2}, NONE = {NULL, 0};
static const char *const JOBS[] = {ORDER, UPDATE};
static const struct id_list TWO_JOBS = {JOBS, 2};
static const char *const ORDERS[] = {ORDER, ORDER2};
static const struct id_list TWO_ORDERS = {ORDERS, 2};
static const char *const PAYMENTS[] = {"pay_1", "pay_2"};
static const struct id_list TWO_PAYMENTS = {PAYMENTS, 2};
static const struct held_job HELD = {"w1", ORDER, 7};
static const struct queue_part READY = {0, QUEUE_READY, NULL}, ACTIVE = {0, QUEUE_ACTIVE, "w1"},
                               DELAYED = {0, QUEUE_DELAYED, NULL}, DEAD = {0, QUEUE_DEAD, NULL};

/* The arguments with a space between them; an empty one is ''. To be freed. */
static char *joined(struct redis_command *cmd)
{
    size_t size = 1;
    for (size_t i = 0; i < cmd->n; i++)
        size += cmd->lengths[i] + 3;
    char *text = calloc(1, size), *at = text;
    for (size_t i = 0; i < cmd->n; i++)
        at += sprintf(at, "%s%.*s", i ? " " : "", cmd->lengths[i] ? (int)cmd->lengths[i] : 2,
                      cmd->lengths[i] ? cmd->argv[i] : "''");
    return text;
}

/* FCALL says how many keys follow: these have the shard's tag, and no argument after them has,
 * except the name of the chat's channel. */
static void check_keys(const struct redis_command *cmd)
{
    if (strncmp(cmd->argv[0], "FCALL", 5) != 0)
        return;
    size_t n_keys = strtoul(cmd->argv[2], NULL, 10);
    for (size_t i = 3; i < cmd->n; i++) {
        int is_key = strstr(cmd->argv[i], TAG) != NULL && strcmp(cmd->argv[i], "chat:" TAG) != 0;
        if (is_key != (i < 3 + n_keys))
            fail_msg("%s: argument %zu is %s", cmd->argv[1], i, cmd->argv[i]);
    }
}

static void check(struct redis_command *cmd, const char *expected)
{
    char *text = joined(cmd);
    assert_string_equal(text, expected);
    check_keys(cmd);
    for (size_t i = 0; i < cmd->n; i++)
        if (cmd->lengths[i] != strlen(cmd->argv[i]) && strncmp(text, "FCALL", 5) == 0 &&
            cmd->lengths[i] != 32) /* a fingerprint is the first half of a hash */
            fail_msg("argument %zu has length %zu", i, cmd->lengths[i]);
    command_release(cmd);
    free(text);
}

#define CHECK(expected, call, ...) \
    do { \
        struct redis_command cmd; \
        command_##call(&cmd, ##__VA_ARGS__); \
        check(&cmd, expected); \
    } while (0)

#define JOBS_KEY(name) "jobs:" TAG ":" name
#define ORDER_KEY "order:" TAG ":" ORDER
#define UPDATE_KEY "update:" TAG ":" UPDATE

/* ---- the API --------------------------------------------------------------------------------- */

static void new_orders(void **state)
{
    (void)state;
    struct order_request o = {.id = ORDER,
                              .restaurant_id = "resto_1",
                              .item = "Curry",
                              .quantity = 2,
                              .user_id = "",
                              .idempotency_key = "",
                              .deadline_ms = 99};
    struct order_request other = o;
    memcpy(other.id, ORDER2, sizeof ORDER2);
    other.user_id = "123";
    other.idempotency_key = "key";
    const struct order_request *const orders[] = {&o, &other};
    CHECK("FCALL place_orders 9 " JOBS_KEY("ready") " orders:" TAG ":index count:" TAG
                                                    " events:" TAG " " ORDER_KEY " restaurant:" TAG
                                                    ":resto_1 user:" TAG ": user:" TAG
                                                    "::orders idem:" TAG ": 0 " ORDER
                                                    " resto_1 Curry 2 '' '' 99",
          place_orders, 0, orders, 1);
    conf.queue_age_s = 60;
    /* printf 'order\nresto_1\nCurry\n2\n123' | sha256sum */
    CHECK("FCALL place_orders 14 " JOBS_KEY(
              "ready") " orders:" TAG ":index count:" TAG " events:" TAG " " ORDER_KEY
                       " restaurant:" TAG ":resto_1 user:" TAG ": user:" TAG "::orders idem:" TAG
                       ": order:" TAG ":" ORDER2 " restaurant:" TAG ":resto_1 user:" TAG
                       ":123 user:" TAG ":123:orders idem:" TAG ":key 60000 " ORDER
                       " resto_1 Curry 2 '' '' 99 " ORDER2
                       " resto_1 Curry 2 123 44cd6ef9f32d0fba7124a19a827dd174 99",
          place_orders, 0, orders, 2);
    conf.queue_age_s = 0;
    CHECK("FCALL cancel 2 " ORDER_KEY " events:" TAG, cancel, ORDER);
}

static void new_updates(void **state)
{
    (void)state;
    struct update_request u = {.id = UPDATE,
                               .message = "Hello all",
                               .delay_ms = 5000,
                               .idempotency_key = "",
                               .deadline_ms = 99};
    CHECK("FCALL accept_update 6 " UPDATE_KEY
          " " JOBS_KEY("ready") " " JOBS_KEY("delayed") " count:" TAG " idem:" TAG ": " JOBS_KEY(
              "dead") " " UPDATE " Hello all 5000 '' 99 1000",
          accept_update, &u);
    u.idempotency_key = "key";
    /* printf 'update\nHello all' | sha256sum */
    CHECK("FCALL accept_update 6 " UPDATE_KEY
          " " JOBS_KEY("ready") " " JOBS_KEY("delayed") " count:" TAG " idem:" TAG ":key " JOBS_KEY(
              "dead") " " UPDATE " Hello all 5000 63cbf9b81fee9bc6c912db65c5a2523e 99 1000",
          accept_update, &u);
}

static void reading(void **state)
{
    (void)state;
    CHECK("HGETALL " ORDER_KEY, order, ORDER);
    CHECK("HMGET " ORDER_KEY " item restaurant status created_at", order_brief, ORDER);
    CHECK("LRANGE restaurants:" TAG " 0 -1", restaurants, 0);
    CHECK("HMGET restaurant:" TAG ":r1 id name cuisine rating", restaurant_info, 0, "r1");
    CHECK("HMGET restaurant:" TAG ":r1 menu currency", restaurant_menu, 0, "r1");
    CHECK("HMGET restaurant:" TAG ":r1 reviews", restaurant_reviews, 0, "r1");
    CHECK("HGETALL user:" TAG ":123", user, 0, "123");
    CHECK("LRANGE user:" TAG ":123:orders 0 -1", user_orders, 0, "123");
    CHECK("XREVRANGE events:" TAG " + - COUNT 1", events_last, 0);
    CHECK("XREAD COUNT 1000 BLOCK 500 STREAMS events:" TAG " 7-0", events_wait, 0, "7-0", 500);
}

/* ---- workers --------------------------------------------------------------------------------- */

static void claims(void **state)
{
    (void)state;
    const struct claim_request claim = {"w1", 8, 77};
    CHECK("FCALL beat 4 workers:" TAG " worker:" TAG ":w1 pulse:" TAG
          " " JOBS_KEY("delayed") " w1 3000",
          beat, 0, "w1", 3000);
    CHECK("FCALL clock_set 2 pulse:" TAG " " JOBS_KEY("delayed") " 5 -6", clock_set, 0, 5, -6);
    CHECK("BLMOVE " JOBS_KEY("ready") " " JOBS_KEY("ready") " RIGHT RIGHT 5", wait_ready, 0, 5);
    CHECK("FCALL claim 5 " JOBS_KEY("ready") " " JOBS_KEY("active:w1") " " JOBS_KEY(
              "delayed") " workers:" TAG " " JOBS_KEY("paused") " w1 8 77",
          claim, 0, &claim);
    CHECK("SMEMBERS workers:" TAG, workers, 0);
    CHECK("EXISTS worker:" TAG ":w1 worker:" TAG ":w2", workers_alive, 0, &TWO_WORKERS);
}

static void steps(void **state)
{
    (void)state;
    const struct held_job update = {"w1", UPDATE, 3};
    const struct job_begin begins[] = {{ORDER, "pay_1"}, {UPDATE, "pay_2"}};
    const struct step_done done[] = {{ORDER, 7, STEP_PAYMENT, "declined", 250},
                                     {ORDER2, 8, STEP_KITCHEN, "ok", 0}};
    const struct step_failed failed = {400, 5, "no answer"};
    conf.retention_days = 30;
    CHECK("FCALL begin_jobs 5 " JOBS_KEY("active:w1") " " JOBS_KEY(
              "dead") " events:" TAG " " ORDER_KEY " " UPDATE_KEY " " ORDER " pay_1 " UPDATE
                      " pay_2",
          begin_jobs, 0, &(struct begin_request){"w1", begins, 2});
    CHECK("FCALL step_jobs 7 " JOBS_KEY("active:w1") " " JOBS_KEY(
              "delayed") " events:" TAG " count:" TAG " facts:" TAG " " ORDER_KEY " order:" TAG
                         ":" ORDER2 " 2592000 " ORDER " 7 payment declined 250 " ORDER2
                         " 8 kitchen ok 0",
          step_jobs, 0, &(struct step_request){"w1", done, 2});
    CHECK("FCALL fail 5 " ORDER_KEY " " JOBS_KEY("active:w1") " " JOBS_KEY("delayed") " " JOBS_KEY(
              "dead") " events:" TAG " " ORDER " 7 400 5 no answer",
          fail, &HELD, &failed);
    CHECK("FCALL publish_update 4 " UPDATE_KEY
          " " JOBS_KEY("active:w1") " count:" TAG " chat:" TAG ":log " UPDATE " 3 chat:" TAG
                                    " 10000",
          publish_update, &update);
}

static void dead_workers(void **state)
{
    (void)state;
    const struct reap_request reap = {"w1", 77, TWO_JOBS}, empty = {"w1", 77, NONE};
    conf.worker_ttl_ms = 3000;
    CHECK("FCALL reap 9 workers:" TAG " worker:" TAG ":w1 " JOBS_KEY("active:w1") " " JOBS_KEY(
              "ready") " " JOBS_KEY("dead") " events:" TAG " pulse:" TAG " " ORDER_KEY
                                            " " UPDATE_KEY " w1 8 3000 77 " ORDER " " UPDATE,
          reap, 0, &reap);
    CHECK("FCALL reap 7 workers:" TAG " worker:" TAG ":w1 " JOBS_KEY("active:w1") " " JOBS_KEY(
              "ready") " " JOBS_KEY("dead") " events:" TAG " pulse:" TAG " w1 8 3000 77",
          reap, 0, &empty);
    CHECK("FCALL leave 6 workers:" TAG " worker:" TAG
          ":w1 " JOBS_KEY("active:w1") " " JOBS_KEY("ready") " " ORDER_KEY " " UPDATE_KEY
                                                             " w1 " ORDER " " UPDATE,
          leave, 0, "w1", &TWO_JOBS);
}

static void retention(void **state)
{
    (void)state;
    const struct oldest_request oldest = {"w1", 1000, 20, 60000, 1};
    CHECK("FCALL oldest 4 retention:" TAG " orders:" TAG ":index events:" TAG " chat:" TAG
          ":log w1 1000 20 100 60000 1",
          oldest, 0, &oldest);
    CHECK("FCALL release 3 orders:" TAG ":index " ORDER_KEY " order:" TAG ":" ORDER2 " 0 " ORDER
          " " ORDER2,
          release_orders, 0, 0, &TWO_ORDERS);
    CHECK("FCALL forget 4 orders:" TAG ":index count:" TAG " " ORDER_KEY " order:" TAG ":" ORDER2
          " " ORDER " " ORDER2,
          forget, 0, &TWO_ORDERS);
}

static void ledger(void **state)
{
    (void)state;
    const struct charge charge = {"pay_1", 1299, "USD", 0};
    CHECK("FCALL gateway_charge 1 gateway:" TAG ":pay_1 1299 USD captured 0", ledger_charge, 0,
          &charge, "captured");
    CHECK("FCALL gateway_refund 1 gateway:" TAG ":pay_1", ledger_refund, 0, "pay_1");
    CHECK("FCALL gateway_forget 2 gateway:" TAG ":pay_1 gateway:" TAG ":pay_2", ledger_forget, 0,
          &TWO_PAYMENTS);
    CHECK("HGETALL gateway:" TAG ":pay_1", ledger_entry, 0, "pay_1");
    CHECK("EXISTS gateway:" TAG ":pay_1", ledger_exists, 0, "pay_1");
}

/* More ids than a function takes are left out, keys and arguments alike. */
static void a_batch_is_bounded(void **state)
{
    (void)state;
    const char *ids[STORE_BATCH_MAX + 10];
    struct redis_command cmd;
    for (size_t i = 0; i < LENGTH(ids); i++)
        ids[i] = i % 2 ? ORDER : UPDATE;
    command_leave(&cmd, 0, "w1", &(struct id_list){ids, LENGTH(ids)});
    assert_string_equal(cmd.argv[2], "104");
    assert_int_equal(cmd.n, 3 + 4 + STORE_BATCH_MAX + 1 + STORE_BATCH_MAX);
    check_keys(&cmd);
    command_release(&cmd);
}

/* ---- chat ------------------------------------------------------------------------------------ */

static void chat(void **state)
{
    (void)state;
    const struct chat_post post = {"hi", 2, "Ann", "", "", 10000, 99};
    const struct chat_beat beat = {"b1", 5, 6, 3000};
    assert_string_equal(chat_channel(0), "chat:" TAG);
    CHECK("XREVRANGE chat:" TAG ":log + - COUNT 20", chat_newest, 0, 20);
    CHECK("XRANGE chat:" TAG ":log 18 + COUNT 20", chat_after, 0, 17, 20);
    CHECK("FCALL chat_post 3 count:" TAG " chat:" TAG ":log chat:" TAG ":keys chat:" TAG
          " 10000 99 hi Ann '' ''",
          chat_post, 0, &post);
    CHECK("FCALL chat_beat 2 chat:" TAG ":present count:" TAG " chat:" TAG " b1 5 6 3000",
          chat_beat, 0, &beat);
    CHECK("PUBLISH chat:" TAG " {}", chat_publish, 0, "{}");
}

static void a_text_may_hold_any_bytes(void **state)
{
    (void)state;
    const struct chat_post post = {"a\0b", 3, "", "", "", 1, 1};
    struct redis_command cmd;
    command_chat_post(&cmd, 0, &post);
    assert_int_equal(cmd.lengths[9], 3);
    assert_memory_equal(cmd.argv[9], "a\0b", 3);
    command_release(&cmd);
}

/* ---- the system and the queue ---------------------------------------------------------------- */

static void the_system(void **state)
{
    (void)state;
    static const char *const FIGURES[] = {"requests", "3"};
    CHECK("FCALL_RO library_version 0", library_version);
    CHECK("TIME", time);
    CHECK("MULTI", multi);
    CHECK("EXEC", exec);
    CHECK("INFO memory", info, "memory");
    CHECK("HGETALL count:" TAG, counts, 0);
    CHECK("HGET count:" TAG " forgotten_to", forgotten_to, 0);
    CHECK("HMGET facts:" TAG " keep_seconds keep_least", kept, 0);
    CHECK("FCALL_RO stats 8 count:" TAG " " JOBS_KEY("ready") " " JOBS_KEY("delayed") " " JOBS_KEY(
              "dead") " workers:" TAG
                      " " JOBS_KEY("paused") " " JOBS_KEY("active:w1") " " JOBS_KEY("active:w2"),
          stats, 0, &TWO_WORKERS);
    CHECK("ZCOUNT orders:" TAG ":index 5 +inf", placed_since, 0, 5);
    CHECK("GET " JOBS_KEY("paused"), paused, 0);
    CHECK("GET worker:" TAG ":w1", heartbeat, 0, "w1");
    CHECK("ZRANGEBYSCORE live:" TAG " 5 +inf", processes, 0, 5);
    CHECK("HGETALL live:" TAG ":api-1", process_metrics, 0, "api-1");
    CHECK("FCALL live_write 2 live:" TAG " live:" TAG ":api-1 api-1 3000 requests 3",
          process_metrics_write, 0, "api-1", 2, FIGURES);
}

static void parts_of_the_queue(void **state)
{
    (void)state;
    CHECK("LLEN " JOBS_KEY("ready"), queue_length, &READY);
    CHECK("FCALL_RO active 1 " JOBS_KEY("active:w1") " length", queue_length, &ACTIVE);
    CHECK("ZCARD " JOBS_KEY("delayed"), queue_length, &DELAYED);
    CHECK("ZCARD " JOBS_KEY("dead"), queue_length, &DEAD);
    CHECK("LRANGE " JOBS_KEY("ready") " -1 -1", queue_range, &READY, -1, -1);
    CHECK("FCALL_RO active 1 " JOBS_KEY("active:w1") " range 0 999", queue_range, &ACTIVE, 0, 999);
    CHECK("ZRANGE " JOBS_KEY("dead") " 0 -1 WITHSCORES", queue_range, &DEAD, 0, -1);
    CHECK("LPOS " JOBS_KEY("ready") " " ORDER " COUNT 0", queue_find, &READY, ORDER);
    CHECK("FCALL_RO active 1 " JOBS_KEY("active:w1") " find " ORDER, queue_find, &ACTIVE, ORDER);
    CHECK("ZSCORE " JOBS_KEY("delayed") " " ORDER, queue_find, &DELAYED, ORDER);
    CHECK("ZSCAN " JOBS_KEY("delayed") " 17 COUNT 1000", queue_scan, &DELAYED, "17");
}

static void expect_key(const struct queue_part *part, const char *expected)
{
    char *key = queue_part_key(part);
    assert_string_equal(key, expected);
    free(key);
}

static void keys_of_parts(void **state)
{
    (void)state;
    expect_key(&READY, JOBS_KEY("ready"));
    expect_key(&ACTIVE, JOBS_KEY("active:w1"));
    expect_key(&DEAD, JOBS_KEY("dead"));
}

static void single_jobs(void **state)
{
    (void)state;
    CHECK("HGETALL " ORDER_KEY, job, ORDER);
    CHECK("HGETALL " UPDATE_KEY, job, UPDATE);
    CHECK("HMGET " ORDER_KEY " step tries", job_fields, ORDER, "step", "tries");
    CHECK("HGET " ORDER_KEY " created_at", job_created_at, ORDER);
    CHECK("HGET " UPDATE_KEY " accepted_at", job_created_at, UPDATE);
    CHECK("PTTL " UPDATE_KEY, job_ttl, UPDATE);
    CHECK("EXISTS " ORDER_KEY, job_exists, ORDER);
    CHECK("ZSCORE orders:" TAG ":index " ORDER, index_find, ORDER);
    CHECK("ZSCAN orders:" TAG ":index 0 COUNT 1000", index_scan, 0, "0");
    CHECK("HGETALL " ORDER_KEY, key_hash, ORDER_KEY);
    CHECK("LRANGE user:" TAG ":u:orders 0 -1", key_list, "user:" TAG ":u:orders");
    CHECK("GET idem:" TAG ":k", key_text, "idem:" TAG ":k");
    CHECK("PTTL idem:" TAG ":k", key_ttl, "idem:" TAG ":k");
    CHECK("SCAN 0 MATCH *" TAG "* COUNT 1000", scan, 0, SCAN_ALL, "0");
    CHECK("SCAN 5 MATCH order:" TAG ":* COUNT 1000", scan, 0, SCAN_ORDERS, "5");
    CHECK("SCAN 5 MATCH update:" TAG ":* COUNT 1000", scan, 0, SCAN_UPDATES, "5");
}

static void operators(void **state)
{
    (void)state;
    CHECK("FCALL requeue 4 " UPDATE_KEY " " JOBS_KEY("ready") " " JOBS_KEY("dead") " events:" TAG
                                                                                   " " UPDATE,
          requeue, UPDATE);
    CHECK("FCALL discard 5 " ORDER_KEY
          " " JOBS_KEY("ready") " " JOBS_KEY("dead") " events:" TAG " count:" TAG " " ORDER,
          discard, ORDER);
    CHECK("FCALL settle 5 " ORDER_KEY " " JOBS_KEY("dead") " events:" TAG " count:" TAG
                                                           " facts:" TAG " " ORDER
                                                           " refunded 86400",
          settle, ORDER, "refunded", 86400);
    CHECK("FCALL pause 1 " JOBS_KEY("paused"), pause, 0);
    CHECK("FCALL resume 1 " JOBS_KEY("paused"), resume, 0);
    CHECK("FCALL repair_place 9 " ORDER_KEY
          " " JOBS_KEY("ready") " " JOBS_KEY("delayed") " " JOBS_KEY(
              "dead") " workers:" TAG " worker:" TAG
                      ":w1 " JOBS_KEY("active:w1") " worker:" TAG
                                                   ":w2 " JOBS_KEY("active:w2") " " ORDER " w1 w2",
          repair_place, ORDER, &TWO_WORKERS);
    CHECK("FCALL repair_record 2 " ORDER_KEY " orders:" TAG ":index " ORDER " 5 86400",
          repair_record, ORDER, 5, 86400);
    CHECK("FCALL repair_counts 6 count:" TAG " " JOBS_KEY("ready") " " JOBS_KEY(
              "delayed") " " JOBS_KEY("dead") " workers:" TAG " " JOBS_KEY("active:w1"),
          repair_counts, 0, &(struct id_list){WORKERS, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_orders),
        cmocka_unit_test(new_updates),
        cmocka_unit_test(reading),
        cmocka_unit_test(claims),
        cmocka_unit_test(steps),
        cmocka_unit_test(dead_workers),
        cmocka_unit_test(retention),
        cmocka_unit_test(ledger),
        cmocka_unit_test(a_batch_is_bounded),
        cmocka_unit_test(chat),
        cmocka_unit_test(a_text_may_hold_any_bytes),
        cmocka_unit_test(the_system),
        cmocka_unit_test(parts_of_the_queue),
        cmocka_unit_test(keys_of_parts),
        cmocka_unit_test(single_jobs),
        cmocka_unit_test(operators),
    };
    return cmocka_run_group_tests_name("order/commands", tests, NULL, NULL);
}
