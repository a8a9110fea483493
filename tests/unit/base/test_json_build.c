#include "tests/unit/support/test.h"

#include <json-c/json.h>
#include <string.h>

#include "base/json_build.h"

static void every_kind_of_value(void **state)
{
    (void)state;
    struct json_object *o = json_object_new_object();
    size_t n;
    json_add_text(o, "text", "a/b \"ä\"\n");
    json_add_text(o, "absent", NULL);
    json_add_text_if_any(o, "empty", "");
    json_add_text_if_any(o, "any", "x");
    json_add_int(o, "int", INT64_MIN);
    json_add_bool(o, "bool", 7);
    const char *text = json_write(o, &n);
    assert_string_equal(text, "{\"text\":\"a/b \\\"ä\\\"\\n\",\"absent\":null,\"any\":\"x\","
                              "\"int\":-9223372036854775808,\"bool\":true}");
    assert_int_equal(n, strlen(text));
    json_object_put(o);
}

static void text_or_null(void **state)
{
    (void)state;
    struct json_object *empty = json_text(""), *quoted = json_text("a\"b");
    assert_null(json_text(NULL));
    assert_string_equal(json_write(empty, NULL), "\"\"");
    assert_string_equal(json_write(quoted, NULL), "\"a\\\"b\"");
    json_object_put(empty);
    json_object_put(quoted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value),
        cmocka_unit_test(text_or_null),
    };
    return cmocka_run_group_tests_name("base/json_build", tests, NULL, NULL);
}
