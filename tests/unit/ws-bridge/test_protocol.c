/* What the chat says in its two languages, letter by letter, and what it takes from JSON clients.
 */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws-bridge/protocol.h"

/* Compares; "*" stands for the time. Frees the text. */
static void expect(char *json, const char *wanted)
{
    const char *star = strchr(wanted, '*');
    if (!star) {
        assert_string_equal(json, wanted);
    } else {
        size_t n = (size_t)(star - wanted), at_len = strlen("2026-01-02T03:04:05.678Z");
        assert_memory_equal(json, wanted, n);
        assert_int_equal(strlen(json), strlen(wanted) - 1 + at_len);
        assert_int_equal(json[n + 10], 'T');
        assert_int_equal(json[n + at_len - 1], 'Z');
        assert_string_equal(json + n + at_len, star + 1);
    }
    free(json);
}

static void plain_lines(void **state)
{
    (void)state;
    assert_string_equal(protocol_message_prefix(CHAT_MESSAGE), "Message: ");
    assert_string_equal(protocol_message_prefix(CHAT_UPDATE), "Update: ");
    assert_string_equal(protocol_crowd_text(CHAT_JOIN, 1), "A new user has joined the mock chat.");
    assert_string_equal(protocol_crowd_text(CHAT_JOIN, 12), "12 users have joined the mock chat.");
    assert_string_equal(protocol_crowd_text(CHAT_LEAVE, 1), "A user has left the chat.");
    assert_string_equal(protocol_crowd_text(CHAT_LEAVE, 2), "2 users have left the chat.");
    assert_string_equal(protocol_crowd_text(CHAT_LEAVE, INT64_MAX),
                        "9223372036854775807 users have left the chat.");
}

static void messages_in_json(void **state)
{
    struct chat_line line = {.kind = CHAT_MESSAGE,
                             .id = 7,
                             .text = "a \"b\"\\ /\n\0\xc3\xa9",
                             .text_len = 12,
                             .user = "",
                             .color = "",
                             .at = "2026-01-02T03:04:05.678Z"};
    size_t len;
    (void)state;
    char *json = protocol_message_json(&line, &len);
    assert_int_equal(len, strlen(json));
    expect(json, "{\"type\":\"message\",\"id\":7,\"text\":\"a \\\"b\\\"\\\\ /\\n \xc3\xa9\","
                 "\"at\":\"2026-01-02T03:04:05.678Z\"}");
    line.kind = CHAT_UPDATE;
    line.id = INT64_MAX;
    line.text = "";
    line.text_len = 0;
    line.user = "Maya";
    line.color = "#ff8800";
    expect(protocol_message_json(&line, &len),
           "{\"type\":\"update\",\"id\":9223372036854775807,\"user\":\"Maya\","
           "\"color\":\"#ff8800\",\"text\":\"\",\"at\":\"2026-01-02T03:04:05.678Z\"}");
}

static void everything_else_in_json(void **state)
{
    (void)state;
    expect(protocol_crowd_json(CHAT_JOIN, 1, 5),
           "{\"type\":\"join\",\"text\":\"A new user has joined the mock chat.\",\"n\":1,"
           "\"present\":5,\"at\":\"*\"}");
    expect(protocol_crowd_json(CHAT_LEAVE, 3, 0),
           "{\"type\":\"leave\",\"text\":\"3 users have left the chat.\",\"n\":3,\"present\":0,"
           "\"at\":\"*\"}");
    expect(protocol_presence_json(8), "{\"type\":\"presence\",\"present\":8,\"at\":\"*\"}");
    expect(
        protocol_error_json("not_sent", "try \"again\"", ""),
        "{\"type\":\"error\",\"error\":\"not_sent\",\"text\":\"try \\\"again\\\"\",\"at\":\"*\"}");
    expect(protocol_error_json("unknown", "?", "0123456789abcdef"),
           "{\"type\":\"error\",\"error\":\"unknown\",\"text\":\"?\","
           "\"key\":\"0123456789abcdef\",\"at\":\"*\"}");
    expect(protocol_accepted_json("0123456789abcdef", INT64_MAX, 0),
           "{\"type\":\"accepted\",\"key\":\"0123456789abcdef\",\"id\":9223372036854775807,"
           "\"repeated\":false}");
    expect(protocol_accepted_json("0123456789abcdef", 1, 1),
           "{\"type\":\"accepted\",\"key\":\"0123456789abcdef\",\"id\":1,\"repeated\":true}");
    expect(
        protocol_missed_json(3, 9),
        "{\"type\":\"error\",\"error\":\"missed\",\"text\":\"some messages are not to be had any "
        "more\",\"from\":3,\"to\":9,\"at\":\"*\"}");
}

static void what_is_taken(void **state)
{
    static const struct {
        const char *json, *text, *user, *color, *key;
    } CASES[] = {
        {"{\"text\":\"hi\"}", "hi", "", "", ""},
        {"{}", "", "", "", ""},
        {"{\"text\":null,\"user\":null,\"color\":null,\"key\":null}", "", "", "", ""},
        {"{\"key\":\"0123456789ABCdef-_\",\"text\":\"hi\"}", "hi", "", "", "0123456789ABCdef-_"},
        {"{\"key\":\"\",\"text\":\"hi\"}", "hi", "", "", ""},
        {" {\"text\":\"\\u00e9\",\"user\":\"Maya\",\"color\":\"#fF0019\",\"more\":[1]} ",
         "\xc3\xa9", "Maya", "#fF0019", ""},
        {"{\"text\":\"a\\nb\"}", "a\nb", "", "", ""},
        {"{\"text\":\"\\ud83c\\udf5b\"}", "\xf0\x9f\x8d\x9b", "", "", ""},
        /* 32 characters, 64 bytes */
        {"{\"user\":\"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
         "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
         "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
         "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\"}",
         "", NULL, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        struct protocol_post said;
        size_t n = strlen(CASES[i].json);
        const char *wrong = protocol_post_parse(guarded(CASES[i].json, n), n, &said);
        if (wrong)
            fail_msg("%s: %s", CASES[i].json, wrong);
        assert_int_equal(said.text_len, strlen(CASES[i].text));
        assert_string_equal(said.text, CASES[i].text);
        if (CASES[i].user)
            assert_string_equal(said.user, CASES[i].user);
        assert_string_equal(said.color, CASES[i].color);
        assert_string_equal(said.key, CASES[i].key);
        protocol_post_release(&said);
    }
}

static void a_plain_text_is_one_line(void **state)
{
    struct chat_line line = {.kind = CHAT_MESSAGE,
                             .text = "hi\r\nUpdate: \x1b[2J\0\t\xc2\x85\xe2\x80\xa8.",
                             .text_len = 24};
    size_t len;
    (void)state;
    char *text = protocol_message_text(&line, &len);
    assert_string_equal(text, "hi  Update:  [2J    .");
    assert_int_equal(len, strlen(text));
    free(text);
}

static void control_characters_are_refused(void **state)
{
    static const char *const TEXTS[] = {"a\\u0000b", "\\u001b[2J", "a\\r\\n",
                                        "\x7f",      "\\u0085",    "\xc2\x9b"};
    (void)state;
    for (size_t i = 0; i < LENGTH(TEXTS); i++) {
        char json[100];
        struct protocol_post said;
        snprintf(json, sizeof json, "{\"key\":\"0123456789abcdef\",\"text\":\"%s\"}", TEXTS[i]);
        assert_string_equal(protocol_post_parse(json, strlen(json), &said),
                            "text has control characters");
        assert_string_equal(said.key, "0123456789abcdef");
        protocol_post_release(&said);
    }
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *json, *wrong;
    } CASES[] = {
        {"", "this is not JSON"},
        {"hi", "this is not JSON"},
        {"{", "this is not JSON"},
        {"{\"text\":\"a\"} {}", "this is not JSON"},
        {"{\"text\":'a'}", "this is not JSON"},
        {"{\"text\":\"\xff\"}", "this is not JSON"},
        {"[[[[[[1]]]]]]", "this is not JSON"},
        {"[]", "a message is a JSON object: {\"text\":\"…\"}"},
        {"null", "a message is a JSON object: {\"text\":\"…\"}"},
        {"\"hi\"", "a message is a JSON object: {\"text\":\"…\"}"},
        {"{\"text\":7}", "text must be a string"},
        {"{\"text\":{}}", "text must be a string"},
        {"{\"user\":7}", "user must be a string"},
        {"{\"user\":\"123456789012345678901234567890123\"}", "user is longer than 32 characters"},
        {"{\"user\":\"a\\tb\"}", "user has control characters"},
        {"{\"user\":\"a\\u0000b\"}", "user has control characters"},
        {"{\"user\":\"a\\u009fb\"}", "user has control characters"},
        {"{\"color\":7}", "color must be #rrggbb"},
        {"{\"color\":\"red\"}", "color must be #rrggbb"},
        {"{\"color\":\"#12345g\"}", "color must be #rrggbb"},
        {"{\"color\":\"#1234567\"}", "color must be #rrggbb"},
        {"{\"color\":\"1234567\"}", "color must be #rrggbb"},
        {"{\"color\":\"#123456\\u0000\"}", "color must be #rrggbb"},
        {"{\"key\":7}", "key must be 16 to 128 characters of A-Z a-z 0-9 _ -"},
        {"{\"key\":\"short\"}", "key must be 16 to 128 characters of A-Z a-z 0-9 _ -"},
        {"{\"key\":\"0123456789abcdef\\u0000\"}",
         "key must be 16 to 128 characters of A-Z a-z 0-9 _ -"},
        {"{\"key\":\"0123456789abcdef\"}", "text is empty"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        struct protocol_post said;
        size_t n = strlen(CASES[i].json);
        const char *wrong = protocol_post_parse(guarded(CASES[i].json, n), n, &said);
        if (!wrong || strcmp(wrong, CASES[i].wrong) != 0)
            fail_msg("%s: %s", CASES[i].json, wrong ? wrong : "is good");
        protocol_post_release(&said);
    }
}

/* So that its sender learns which of its messages it was. */
static void the_key_of_what_is_refused(void **state)
{
    static const char JSON[] = "{\"text\":7,\"key\":\"0123456789abcdef\"}";
    struct protocol_post said;
    (void)state;
    assert_string_equal(protocol_post_parse(JSON, sizeof JSON - 1, &said), "text must be a string");
    assert_string_equal(said.key, "0123456789abcdef");
    protocol_post_release(&said);
    assert_non_null(protocol_post_parse("{", 1, &said));
    assert_string_equal(said.key, "");
    protocol_post_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines),
        cmocka_unit_test(messages_in_json),
        cmocka_unit_test(everything_else_in_json),
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(a_plain_text_is_one_line),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(the_key_of_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
