#include "tests/unit/support/test.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doc.h"
#include "ctl/output.h"

static void expect_age(int64_t age_ms, const char *text)
{
    char age[OUT_AGE_SIZE];
    out_age(age_ms, age);
    assert_string_equal(age, text);
}

static void test_ages(void **state)
{
    (void)state;
    expect_age(0, "now");
    expect_age(999, "now");
    expect_age(-999, "now");
    expect_age(1000, "1 s ago");
    expect_age(12345, "12 s ago");
    expect_age(119999, "119 s ago");
    expect_age(120000, "2 min ago");
    expect_age(7200000, "2 h ago");
    expect_age(INT64_C(172800000), "2 days ago");
    expect_age(-3500, "in 3 s");
    expect_age(INT64_C(-86400000) * 30, "in 30 days");
}

static void test_times(void **state)
{
    char text[OUT_TIME_SIZE];
    (void)state;
    out_time(INT64_C(1795345258123), text);
    assert_string_equal(text, "2026-11-22T11:00:58.123Z");
    out_time(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static void expect_clean(const char *text, const char *wanted, size_t width)
{
    char *clean = out_clean(text);
    assert_string_equal(clean, wanted);
    assert_int_equal(out_width(clean), width);
    free(clean);
}

static void test_text_for_a_terminal(void **state)
{
    (void)state;
    expect_clean("", "", 0);
    expect_clean("Curry", "Curry", 5);
    expect_clean("K\xc3\xa4se", "K\xc3\xa4se", 4);
    expect_clean("\xe4\xbb\x8a\xe6\x97\xa5", "\xe4\xbb\x8a\xe6\x97\xa5", 4); /* two wide ones */
    expect_clean("e\xcc\x81", "e\xcc\x81", 1);                               /* combining */
    expect_clean("\033[31mred\a\n", "?[31mred??", 10);
    expect_clean("\xc2\x9b", "?", 1);       /* C1: the one-byte CSI */
    expect_clean("a\xff\xc3", "a??", 3);    /* no UTF-8; cut off */
    expect_clean("\xed\xa0\x80", "???", 3); /* a surrogate */
}

/* What is printed for these rows. */
static char *print_table(const char *rows_json, const struct column *columns, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct json_object *rows = json_tokener_parse(rows_json);
    assert_non_null(rows);
    out_table(out, rows, columns, n, INT64_C(1795345258123) + 12000);
    json_object_put(rows);
    (void)fclose(out);
    return text;
}

static void test_tables(void **state)
{
    static const struct column COLUMNS[] = {
        {"NAME", "name", COLUMN_TEXT}, {"N", "n", COLUMN_NUMBER}, {"GOOD", "good", COLUMN_TEXT},
        {"AGE", "at", COLUMN_AGE},     {"AT", "at", COLUMN_TIME},
    };
    (void)state;
    char *text = print_table("[{\"name\":\"K\xc3\xa4se\",\"n\":5,\"good\":true,"
                             "\"at\":\"2026-11-22T11:00:58.123Z\"},"
                             "{\"name\":\"x\\u001b\",\"n\":1234,\"good\":false,\"at\":\"soon\"},"
                             "{\"name\":null}]",
                             COLUMNS, LENGTH(COLUMNS));
    assert_string_equal(text, "NAME     N  GOOD  AGE       AT\n"
                              "K\xc3\xa4se     5  yes   12 s ago  "
                              "2026-11-22T11:00:58.123Z (12 s ago)\n"
                              "x?    1234  no    soon      soon\n"
                              "-        -  -     -         -\n");
    free(text);
    text = print_table("[]", COLUMNS, 2);
    assert_string_equal(text, "NAME  N\n");
    free(text);
}

static void test_documents(void **state)
{
    (void)state;
    struct json_object *object = json_object_new_object();
    doc_add_text(object, "text", "a\xff");
    doc_add_text(object, "none", NULL);
    doc_add_time(object, "at", INT64_C(1795345258123));
    doc_add_time(object, "never", 0);
    json_add_bool(object, "good", 7);
    json_add_int(doc_add_object(object, "part"), "n", -1);
    (void)doc_add_array(object, "list");
    assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                        "{\"text\":\"a?\",\"none\":null,\"at\":\"2026-11-22T11:00:58.123Z\","
                        "\"never\":null,\"good\":true,\"part\":{\"n\":-1},\"list\":[]}");
    json_object_put(object);
}

static int setup(void **state)
{
    (void)state;
    out_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_text_for_a_terminal),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
