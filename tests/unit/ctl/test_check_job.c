/* Every rule of fsck on one job: a right one is silent, and each damage says its own check. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/check_job.h"
#include "ctl/findings.h"
#include "ctl/job_snapshot.h"
#include "tests/unit/support/replies.h"

#define ID "order_00abcdefghijklmnopqrst"
#define UPDATE "update_00abcdefghijklmnopqrst"
#define AT " 2026-11-22T11:00:58.123Z"
#define NOW_MS INT64_C(1795345300000) /* some minutes later */

static struct findings found;

static int teardown(void **state)
{
    findings_release(&found);
    return replies_teardown(state);
}

/* An order's hash up to its n-th version in a life without trouble. */
static const char *const LIFE[][4] = {
    {"order_placed", "pending", "pending", "payment"},
    {"order_placed", "paid", "pending", "kitchen"},
    {"order_placed", "paid", "acknowledged", "preparing_food"},
    {"preparing_food", "paid", "acknowledged", "quality_check"},
    {"quality_check", "paid", "acknowledged", "out_for_delivery"},
    {"out_for_delivery", "paid", "acknowledged", "delivered"},
    {"delivered", "paid", "acknowledged", "settled"},
};

struct field {
    const char *name, *value; /* NULL value: without this field */
};

/* Puts the fields together; a later one of the same name wins. */
static redis_reply *make_hash(const struct field *fields, size_t n)
{
    const char *words[80];
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t later = i + 1;
        while (later < n && strcmp(fields[later].name, fields[i].name) != 0)
            later++;
        if (later < n || !fields[i].value)
            continue;
        words[at++] = fields[i].name;
        words[at++] = fields[i].value;
    }
    return reply_list(at, words);
}

/* The order at a version of its life, with up to four fields changed. */
static redis_reply *order_at(int version, const struct field changes[4])
{
    static char texts[8][80];
    struct field fields[32] = {
        {"id", ID},
        {"amount_cents", "1250"},
        {"currency", "USD"},
        {"created_at", AT + 1},
    };
    static const char *const NAMES[] = {"v1", "v2", "v3", "v4", "v5", "v6", "v7"};
    static const char *const VERSIONS[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    const char *const *now = LIFE[version - 1];
    size_t n = 4;
    for (int v = 0; v < version; v++) {
        snprintf(texts[v], sizeof texts[v], "%s %s %s%s", LIFE[v][0], LIFE[v][1], LIFE[v][2], AT);
        fields[n++] = (struct field){NAMES[v], texts[v]};
    }
    fields[n++] = (struct field){"version", VERSIONS[version]};
    fields[n++] = (struct field){"status", now[0]};
    fields[n++] = (struct field){"payment_status", now[1]};
    fields[n++] = (struct field){"kitchen_status", now[2]};
    fields[n++] = (struct field){"step", now[3]};
    if (version > 1)
        fields[n++] = (struct field){"payment_key", "pay_x"};
    for (int i = 0; changes && i < 4 && changes[i].name; i++)
        fields[n++] = changes[i];
    return make_hash(fields, n);
}

static redis_reply *captured(void)
{
    return reply_words("requests", "1", "captures", "1", "result", "captured", "amount_cents",
                       "1250", "currency", "USD");
}

/* A right snapshot: in ready, or settled with an expiry. */
static struct job_snapshot snapshot_at(int version, const struct field changes[4])
{
    int is_over = version == 7;
    return (struct job_snapshot){.id = ID,
                                 .hash = order_at(version, changes),
                                 .ledger = version > 1 ? captured() : NULL,
                                 .now_ms = NOW_MS,
                                 .ttl_ms = is_over ? 1000000 : -1,
                                 .is_indexed = 1,
                                 .n_at[AT_READY] = !is_over};
}

static void run_checks(const struct job_snapshot *snapshot)
{
    findings_release(&found);
    check_job(snapshot, &found);
}

/* Exactly these checks are named, once each, by `fix`. */
static void expect(const struct job_snapshot *snapshot, enum check check, enum fix fix)
{
    run_checks(snapshot);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.items[0].check, check);
    assert_int_equal(found.items[0].fix, fix);
    assert_string_equal(found.items[0].id, snapshot->id);
    assert_int_equal(found.items[0].repair == NULL, fix == FIX_NONE);
}

static void test_a_good_life(void **state)
{
    (void)state;
    for (int version = 1; version <= 7; version++) {
        struct job_snapshot snapshot = snapshot_at(version, NULL);
        run_checks(&snapshot);
        assert_int_equal(found.n, 0);
    }
}

static void test_places(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(1, NULL);
    snapshot.n_at[AT_READY] = 0;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    assert_string_equal(found.items[0].repair, "put it back to ready");
    snapshot.n_at[AT_READY] = 2;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    assert_non_null(strstr(found.items[0].text, "ready 2 times"));
    snapshot.n_at[AT_READY] = snapshot.n_at[AT_DELAYED] = 1;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    assert_non_null(strstr(found.items[0].text, "ready and delayed"));
    snapshot.n_at[AT_READY] = snapshot.n_at[AT_DELAYED] = 0;
    snapshot.n_at[AT_ACTIVE] = 1;
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.n_at[AT_ACTIVE] = 0;
    snapshot.n_at[AT_ORPHANED] = 1;
    expect(&snapshot, CHECK_LIST, FIX_PLACE);
}

static void test_settled_in_the_queue(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(7, NULL);
    snapshot.n_at[AT_READY] = 1;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    assert_string_equal(found.items[0].repair, "remove it from the queue");
}

/* Its step alone is no proof: nothing is repaired by it. */
static void test_settled_by_its_step_alone(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(3, (struct field[4]){{"step", "settled"}});
    run_checks(&snapshot);
    assert_true(found.n >= 1);
    for (size_t i = 0; i < found.n; i++)
        assert_int_equal(found.items[i].fix, FIX_NONE);
}

static void test_dead(void **state)
{
    (void)state;
    struct field review[4] = {{"status", "needs_review"},
                              {"version", "3"},
                              {"v3", "needs_review paid pending" AT},
                              {"resume_status", "order_placed"}};
    struct job_snapshot snapshot = snapshot_at(2, review);
    snapshot.n_at[AT_READY] = 0;
    snapshot.n_at[AT_DEAD] = 1;
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.n_at[AT_DEAD] = 0;
    snapshot.n_at[AT_READY] = 1;
    expect(&snapshot, CHECK_DEAD, FIX_PLACE);
    snapshot.n_at[AT_READY] = 0;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    assert_string_equal(found.items[0].repair, "put it into dead");

    snapshot = snapshot_at(2, NULL);
    snapshot.n_at[AT_READY] = 0;
    snapshot.n_at[AT_DEAD] = 1;
    expect(&snapshot, CHECK_DEAD, FIX_PLACE);
    snapshot.hash = order_at(2, (struct field[4]){{"dead_reason", "no answer"}});
    expect(&snapshot, CHECK_DEAD, FIX_NONE);
}

static void test_history(void **state)
{
    static const struct field DAMAGE[] = {
        {"v2", NULL},
        {"v2", ""},
        {"v2", "order_placed paid pending"},
        {"v2", "order_placed paid pending 2026-11-22"},
        {"v2", "order_placed paid pending" AT " more"},
        {"v2", "order_placed paid gone" AT},
        {"v2", "preparing_food pending pending" AT},
        {"v2", "needs_review declined cancelled" AT},
        {"v9", "order_placed paid pending" AT},
        {"version", "2"},
        {"version", "4"},
        {"version", "x"},
        {"version", NULL},
        {"status", "preparing_food"},
        {"payment_status", "refunded"},
        {"kitchen_status", NULL},
        {"v1", "order_placed paid pending" AT},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(DAMAGE); i++) {
        struct job_snapshot snapshot = snapshot_at(3, (struct field[4]){DAMAGE[i]});
        expect(&snapshot, CHECK_HISTORY, FIX_NONE);
    }
}

static void test_step(void **state)
{
    (void)state;
    for (int version = 1; version <= 6; version++) {
        struct job_snapshot snapshot = snapshot_at(version, (struct field[4]){{"step", "refund"}});
        expect(&snapshot, CHECK_STEP, FIX_NONE);
    }
}

static void test_expiry_and_index(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(7, NULL);
    snapshot.ttl_ms = -1;
    expect(&snapshot, CHECK_EXPIRY, FIX_RECORD);
    snapshot = snapshot_at(2, NULL);
    snapshot.ttl_ms = 5000;
    expect(&snapshot, CHECK_EXPIRY, FIX_RECORD);
    snapshot = snapshot_at(2, NULL);
    snapshot.is_indexed = 0;
    expect(&snapshot, CHECK_INDEX, FIX_RECORD);
    snapshot.hash = order_at(2, (struct field[4]){{"created_at", "once"}});
    expect(&snapshot, CHECK_INDEX, FIX_NONE);
}

static void test_money(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(3, NULL);
    snapshot.ledger = reply_words("captures", "2", "amount_cents", "1250", "currency", "USD");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot.ledger = reply_words("requests", "1", "result", "declined");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot.ledger = reply_words("captures", "1", "amount_cents", "1250", "currency", "EUR");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot.ledger =
        reply_words("captures", "1", "refunds", "1", "amount_cents", "1250", "currency", "USD");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE); /* refunded, yet on its way to the customer */
    snapshot.ledger =
        reply_words("captures", "1", "refunds", "2", "amount_cents", "1250", "currency", "USD");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot.ledger = reply_list(0, NULL);
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot.now_ms = NOW_MS + LEDGER_KEEP_MS; /* the ledger has forgotten it, as it may */
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
}

/* The ledger forgets an entry 90 days after the charge, however long the order lived on. */
static void test_money_of_long_ago(void **state)
{
    static const struct field SLOW[4] = {
        {"v7", "delivered paid acknowledged 2027-01-20T11:00:00.000Z"}};
    (void)state;
    struct job_snapshot snapshot = snapshot_at(7, SLOW);
    snapshot.ledger = reply_list(0, NULL);
    snapshot.now_ms = NOW_MS + LEDGER_KEEP_MS;
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.now_ms = NOW_MS + LEDGER_KEEP_MS - 2 * LEDGER_EARLIER_MS;
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
}

/* A person's word stands against any ledger; but nothing is ever captured twice. */
static void test_money_that_was_settled_by_hand(void **state)
{
    static const struct field BY_HAND[4] = {{"settled_by_hand", AT + 1}};
    (void)state;
    struct job_snapshot snapshot = snapshot_at(7, NULL);
    snapshot.ledger = reply_list(0, NULL);
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot = snapshot_at(7, BY_HAND);
    snapshot.ledger = reply_list(0, NULL);
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.ledger = reply_words("captures", "2", "amount_cents", "1250", "currency", "USD");
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
}

/* What a cancelled order may owe, and what the ledger must say. */
static void test_money_of_the_cancelled(void **state)
{
    static const struct {
        const char *payment, *kitchen, *step;
        const char *captures, *refunds, *result;
        int is_right;
    } CASES[] = {
        {"pending", "pending", "payment", "0", "0", "captured", 1},
        {"pending", "pending", "payment", "1", "0", "captured", 1},
        {"pending", "pending", "payment", "1", "1", "captured", 0},
        {"paid", "pending", "refund", "1", "0", "captured", 1},
        {"paid", "pending", "refund", "1", "1", "captured", 1},
        {"paid", "pending", "kitchen", "0", "0", "captured", 0},
        {"refunded", "cancelled", "settled", "1", "1", "captured", 1},
        {"refunded", "cancelled", "settled", "1", "0", "captured", 0},
        {"declined", "cancelled", "settled", "0", "0", "declined", 1},
        {"declined", "cancelled", "settled", "1", "0", "captured", 0},
        {"not_charged", "cancelled", "settled", "0", "0", "captured", 0}, /* it has a key */
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        char line[80];
        int is_over = strcmp(CASES[i].step, "settled") == 0;
        snprintf(line, sizeof line, "cancelled %s %s" AT, CASES[i].payment, CASES[i].kitchen);
        struct field fields[] = {
            {"id", ID},
            {"amount_cents", "1"},
            {"currency", "USD"},
            {"created_at", AT + 1},
            {"v1", "order_placed pending pending" AT},
            {"v2", line},
            {"version", "2"},
            {"status", "cancelled"},
            {"payment_status", CASES[i].payment},
            {"kitchen_status", CASES[i].kitchen},
            {"step", CASES[i].step},
            {"payment_key", "pay_x"},
        };
        struct job_snapshot snapshot = {.id = ID,
                                        .hash = make_hash(fields, LENGTH(fields)),
                                        .ledger =
                                            reply_words("captures", CASES[i].captures, "refunds",
                                                        CASES[i].refunds, "result", CASES[i].result,
                                                        "amount_cents", "1", "currency", "USD"),
                                        .now_ms = NOW_MS,
                                        .ttl_ms = is_over ? 1 : -1,
                                        .is_indexed = 1,
                                        .n_at[AT_DELAYED] = !is_over};
        if (!CASES[i].is_right) {
            expect(&snapshot, CHECK_LEDGER, FIX_NONE);
            continue;
        }
        run_checks(&snapshot);
        assert_int_equal(found.n, 0);
    }
}

static void test_ids_and_types(void **state)
{
    (void)state;
    struct job_snapshot snapshot = snapshot_at(1, (struct field[4]){{"id", "order_00other"}});
    expect(&snapshot, CHECK_ID, FIX_NONE);
    snapshot = snapshot_at(1, (struct field[4]){{"id", "order_1"}});
    snapshot.id = "order_1";
    expect(&snapshot, CHECK_ID, FIX_NONE);
    snapshot.hash = NULL;
    expect(&snapshot, CHECK_TYPE, FIX_NONE);
}

static void test_what_never_was(void **state)
{
    (void)state;
    struct job_snapshot snapshot = {.id = ID, .ttl_ms = -2, .n_at[AT_READY] = 1};
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    snapshot.n_at[AT_READY] = 0;
    snapshot.is_indexed = 1;
    expect(&snapshot, CHECK_INDEX, FIX_RECORD);
    snapshot.is_indexed = 0;
    run_checks(&snapshot);
    assert_int_equal(found.n, 0); /* it has expired */
}

static void test_updates(void **state)
{
    (void)state;
    struct job_snapshot snapshot = {
        .id = UPDATE,
        .hash = reply_words("id", UPDATE, "message", "Hello", "step", "broadcast"),
        .ttl_ms = -1,
        .n_at[AT_DEAD] = 1};
    run_checks(&snapshot);
    assert_int_equal(found.n, 0); /* no status says that it is dead */
    snapshot.n_at[AT_DEAD] = 0;
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    snapshot.n_at[AT_DELAYED] = 1;
    snapshot.ttl_ms = 5;
    expect(&snapshot, CHECK_EXPIRY, FIX_RECORD);
    snapshot.hash = reply_words("id", UPDATE, "step", "published");
    expect(&snapshot, CHECK_PLACE, FIX_PLACE);
    snapshot.hash = reply_words("id", UPDATE, "step", "payment");
    snapshot.ttl_ms = -1;
    expect(&snapshot, CHECK_STEP, FIX_NONE);
}

/* Let go to make room: its ledger entry goes first. */
static void a_leaving_order_needs_no_ledger_entry(void **state)
{
    (void)state;
    struct field leaving[4] = {{"leaving", "1"}};
    struct job_snapshot snapshot = snapshot_at(7, leaving);
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.ledger = NULL;
    run_checks(&snapshot);
    assert_int_equal(found.n, 0);
    snapshot.ledger = reply_words("captures", "0"); /* it is there, and says otherwise */
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot = snapshot_at(7, NULL);
    snapshot.ledger = NULL;
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
    snapshot = snapshot_at(3, leaving); /* it is not settled: the mark means nothing */
    snapshot.ledger = NULL;
    expect(&snapshot, CHECK_LEDGER, FIX_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_good_life, teardown),
        cmocka_unit_test_teardown(test_places, teardown),
        cmocka_unit_test_teardown(test_settled_in_the_queue, teardown),
        cmocka_unit_test_teardown(test_settled_by_its_step_alone, teardown),
        cmocka_unit_test_teardown(test_dead, teardown),
        cmocka_unit_test_teardown(test_history, teardown),
        cmocka_unit_test_teardown(test_step, teardown),
        cmocka_unit_test_teardown(test_expiry_and_index, teardown),
        cmocka_unit_test_teardown(test_money, teardown),
        cmocka_unit_test_teardown(test_money_of_long_ago, teardown),
        cmocka_unit_test_teardown(test_money_that_was_settled_by_hand, teardown),
        cmocka_unit_test_teardown(test_money_of_the_cancelled, teardown),
        cmocka_unit_test_teardown(test_ids_and_types, teardown),
        cmocka_unit_test_teardown(test_what_never_was, teardown),
        cmocka_unit_test_teardown(test_updates, teardown),
        cmocka_unit_test_teardown(a_leaving_order_needs_no_ledger_entry, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
