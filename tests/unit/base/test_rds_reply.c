/* Typed access to replies, and what an outcome means. The connection: test_rds.c. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/rds.h"
#include "tests/unit/support/replies.h"

static void null_is_nil_everywhere(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_int_equal(rds_len(NULL), 0);
    assert_null(rds_at(NULL, 0));
    assert_null(rds_str(NULL));
    assert_int_equal(rds_str_len(NULL), 0);
    assert_int_equal(rds_int(NULL, &value), -EPROTO);
    assert_int_equal(value, 77);
    assert_null(rds_field(NULL, "id"));
}

static void only_arrays_have_elements(void **state)
{
    (void)state;
    assert_int_equal(rds_len(reply_array(0)), 0);
    assert_int_equal(rds_len(reply_words("a", "b", "c")), 3);
    assert_int_equal(rds_len(reply_text("abc")), 0);
    assert_int_equal(rds_len(reply_int(3)), 0);
    assert_int_equal(rds_len(reply_nil()), 0);
    assert_int_equal(rds_len(reply_error("ERR")), 0);
}

static void at_is_null_beyond_the_end(void **state)
{
    (void)state;
    redis_reply *array = reply_words("a", "b");
    assert_string_equal(rds_str(rds_at(array, 0)), "a");
    assert_string_equal(rds_str(rds_at(array, 1)), "b");
    assert_null(rds_at(array, 2));
    assert_null(rds_at(array, SIZE_MAX));
    assert_null(rds_at(reply_array(0), 0));
    assert_null(rds_at(reply_text("ab"), 0));
}

static void str_is_for_strings_and_statuses(void **state)
{
    (void)state;
    assert_string_equal(rds_str(reply_text("text")), "text");
    assert_string_equal(rds_str(reply_text("")), "");
    assert_string_equal(rds_str(reply_status("OK")), "OK");
    assert_null(rds_str(reply_error("ERR no")));
    assert_null(rds_str(reply_int(1)));
    assert_null(rds_str(reply_nil()));
    assert_null(rds_str(reply_array(0)));
}

static void str_len_counts_bytes(void **state)
{
    (void)state;
    assert_int_equal(rds_str_len(reply_text("caf\xc3\xa9")), 5);
    assert_int_equal(rds_str_len(reply_bytes("a\0b", 3)), 3);
    assert_int_equal(rds_str_len(reply_text("")), 0);
    assert_int_equal(rds_str_len(reply_status("OK")), 2);
    assert_int_equal(rds_str_len(reply_error("ERR no")), 0);
    assert_int_equal(rds_str_len(reply_int(12)), 0);
}

static void int_from_an_integer(void **state)
{
    static const int64_t VALUES[] = {0, 1, -1, INT32_MAX, INT64_MAX, INT64_MIN};
    (void)state;
    for (size_t i = 0; i < LENGTH(VALUES); i++) {
        int64_t value = 77;
        assert_int_equal(rds_int(reply_int(VALUES[i]), &value), 0);
        assert_true(value == VALUES[i]);
    }
}

static void int_from_a_string(void **state)
{
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } TABLE[] = {
        {"0", 0, 0},
        {"-12", 0, -12},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", -EPROTO, 0},
        {"", -EPROTO, 0},
        {"-", -EPROTO, 0},
        {"x", -EPROTO, 0},
        {"12x", -EPROTO, 0},
        {"12 ", -EPROTO, 0},
        {"1.5", -EPROTO, 0},
        {"1e3", -EPROTO, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        int64_t value = 77;
        if (rds_int(reply_text(TABLE[i].text), &value) != TABLE[i].err ||
            value != (TABLE[i].err ? 77 : TABLE[i].value))
            fail_msg("\"%s\" gives %lld", TABLE[i].text, (long long)value);
    }
}

static void int_of_other_types_is_refused_and_untouched(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_int_equal(rds_int(reply_nil(), &value), -EPROTO);
    assert_int_equal(rds_int(reply_error("12"), &value), -EPROTO);
    assert_int_equal(rds_int(reply_array(1, reply_int(1)), &value), -EPROTO);
    assert_int_equal(value, 77);
}

static void int_or_falls_back(void **state)
{
    (void)state;
    assert_int_equal(rds_int_or(reply_int(5), 9), 5);
    assert_int_equal(rds_int_or(reply_text("-5"), 9), -5);
    assert_int_equal(rds_int_or(reply_text("5 "), 9), 9);
    assert_int_equal(rds_int_or(reply_nil(), 9), 9);
    assert_int_equal(rds_int_or(NULL, 9), 9);
    redis_reply *hash = reply_words("n", "7", "empty", "", "word", "x");
    assert_int_equal(rds_field_int_or(hash, "n", 9), 7);
    assert_int_equal(rds_field_int_or(hash, "empty", 9), 9);
    assert_int_equal(rds_field_int_or(hash, "word", 9), 9);
    assert_int_equal(rds_field_int_or(hash, "none", 9), 9);
    assert_int_equal(rds_field_int_or(NULL, "n", 9), 9);
}

static void field_finds_names_not_values(void **state)
{
    (void)state;
    redis_reply *hash = reply_words("a", "b", "b", "two", "empty", "", "b", "again");
    assert_string_equal(rds_field(hash, "a"), "b");
    assert_string_equal(rds_field(hash, "b"), "two");
    assert_string_equal(rds_field(hash, "empty"), "");
    assert_null(rds_field(hash, "two"));
    assert_null(rds_field(hash, ""));
    assert_null(rds_field(hash, "A"));
}

static void field_survives_odd_shapes(void **state)
{
    (void)state;
    assert_null(rds_field(reply_words("a"), "a"));
    assert_null(rds_field(reply_words("x", "1", "a"), "a"));
    assert_null(rds_field(reply_array(0), "a"));
    assert_null(rds_field(reply_text("a"), "a"));
    assert_null(rds_field(reply_array(2, reply_text("a"), reply_nil()), "a"));
    assert_null(rds_field(reply_array(2, reply_text("a"), reply_int(1)), "a"));
    redis_reply *hash =
        reply_array(4, reply_int(1), reply_text("x"), reply_text("a"), reply_text("found"));
    assert_string_equal(rds_field(hash, "a"), "found");
}

static void outcomes_and_what_they_mean(void **state)
{
    static const struct {
        enum rds_outcome outcome;
        const char *text;
        int is_unknown, is_unavailable;
    } TABLE[] = {
        {RDS_OK, "", 0, 0},
        {RDS_LOST, "the connection to Redis broke", 1, 1},
        {RDS_TIMEOUT, "Redis does not answer", 1, 1},
        {RDS_UNSENT, "not connected yet", 0, 1},
        {RDS_UNSENT, "NOREPLICAS Not enough good replicas to write.", 0, 1},
        {RDS_ERROR, "UNBLOCKED client unblocked via CLIENT UNBLOCK", 0, 1},
        {RDS_ERROR, "OOM command not allowed when used memory > 'maxmemory'.", 0, 1},
        {RDS_ERROR, "MISCONF Errors writing to the AOF file", 0, 1},
        {RDS_ERROR, "BUSY Redis is busy running a script.", 0, 1},
        {RDS_ERROR, "ERR Function not found", 0, 1},
        {RDS_ERROR, "ERR unknown command", 0, 0},
        {RDS_ERROR, "WRONGTYPE Operation against a key", 0, 0},
        {RDS_ERROR, "NOPERM this user has no permissions", 0, 0},
        {RDS_ERROR, "TIFFIN step is payment, not kitchen", 0, 0},
        {RDS_ERROR, "", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        struct rds_result result = {.outcome = TABLE[i].outcome, .text = TABLE[i].text};
        if (rds_is_unknown(&result) != TABLE[i].is_unknown ||
            rds_is_unavailable(&result) != TABLE[i].is_unavailable)
            fail_msg("outcome %d \"%s\"", TABLE[i].outcome, TABLE[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(null_is_nil_everywhere, replies_teardown),
        cmocka_unit_test_teardown(only_arrays_have_elements, replies_teardown),
        cmocka_unit_test_teardown(at_is_null_beyond_the_end, replies_teardown),
        cmocka_unit_test_teardown(str_is_for_strings_and_statuses, replies_teardown),
        cmocka_unit_test_teardown(str_len_counts_bytes, replies_teardown),
        cmocka_unit_test_teardown(int_from_an_integer, replies_teardown),
        cmocka_unit_test_teardown(int_from_a_string, replies_teardown),
        cmocka_unit_test_teardown(int_of_other_types_is_refused_and_untouched, replies_teardown),
        cmocka_unit_test_teardown(int_or_falls_back, replies_teardown),
        cmocka_unit_test_teardown(field_finds_names_not_values, replies_teardown),
        cmocka_unit_test_teardown(field_survives_odd_shapes, replies_teardown),
        cmocka_unit_test(outcomes_and_what_they_mean),
    };
    return cmocka_run_group_tests_name("base/rds replies", tests, NULL, NULL);
}
