/* Shared chunks, and the row of the last messages. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ws-bridge/chunk.h"
#include "ws-bridge/history.h"

static int clear(void **state)
{
    (void)state;
    history_clear();
    return 0;
}

static void add(int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++) {
        char *json = mem_printf("{\"id\":%lld}", (long long)id);
        history_add(id, json, strlen(json));
    }
}

static void expect(int64_t after, int is_complete, const char *text, int64_t last)
{
    int64_t got;
    struct chunk *chunk = history_chunk(after, is_complete, &got);
    size_t header = chunk->bytes[1] == 126 ? 4 : 2;
    assert_int_equal(chunk->len, header + strlen(text));
    assert_memory_equal(chunk->bytes + header, text, strlen(text));
    assert_int_equal(got, last);
    chunk_unref(chunk);
}

static void frames_of_a_row(void **state)
{
    (void)state;
    expect(0, 1, "{\"type\":\"history\",\"messages\":[],\"complete\":true,\"more\":false}", 0);
    add(7, 9);
    assert_int_equal(history_first(), 7);
    assert_int_equal(history_last(), 9);
    expect(7, 1,
           "{\"type\":\"history\",\"messages\":[{\"id\":8},{\"id\":9}],\"complete\":true,"
           "\"more\":false}",
           9);
    expect(8, 0,
           "{\"type\":\"history\",\"messages\":[{\"id\":9}],\"complete\":false,\"more\":false}", 9);
    expect(9, 1, "{\"type\":\"history\",\"messages\":[],\"complete\":true,\"more\":false}", 9);
    add(10, 10); /* what was made before is not shown again */
    expect(9, 1,
           "{\"type\":\"history\",\"messages\":[{\"id\":10}],\"complete\":true,\"more\":false}",
           10);
}

static void the_same_frame_is_made_once(void **state)
{
    int64_t last;
    (void)state;
    add(1, 5);
    struct chunk *a = history_chunk(0, 1, &last), *b = history_chunk(0, 1, &last);
    assert_ptr_equal(a, b);
    chunk_unref(a);
    chunk_unref(b);
}

static void a_frame_takes_fifty(void **state)
{
    int64_t last;
    (void)state;
    add(1, 120);
    for (int64_t after = 0, expected = 50; after < 120; after = last, expected += 50) {
        struct chunk *chunk = history_chunk(after, 1, &last);
        assert_int_equal(last, expected < 120 ? expected : 120);
        assert_memory_equal(chunk->bytes + chunk->len - (last < 120 ? 12 : 13),
                            last < 120 ? "\"more\":true}" : "\"more\":false}", 12);
        chunk_unref(chunk);
    }
}

static void the_oldest_go(void **state)
{
    (void)state;
    add(1, HISTORY_KEPT + 10);
    assert_int_equal(history_first(), 11);
    for (int64_t id = HISTORY_KEPT + 11; id < HISTORY_KEPT + 20; id++) {
        char *json = mem_calloc(1, 300001);
        memset(json, 'x', 300000);
        history_add(id, json, 300000);
    }
    assert_int_equal(history_last() - history_first(), 2); /* 1 MB of them */
}

static void a_gap_begins_a_new_row(void **state)
{
    (void)state;
    add(1, 5);
    add(9, 10);
    assert_int_equal(history_first(), 9);
    add(2, 2);
    assert_int_equal(history_first(), 2);
    assert_int_equal(history_last(), 2);
}

static void where_frames_end(void **state)
{
    static const size_t SIZES[] = {0, 1, 125, 126, 127, 65535, 65536, 3};
    static char text[65536];
    struct chunk *chunk = chunk_new(1);
    (void)state;
    for (size_t i = 0; i < LENGTH(SIZES); i++) {
        size_t from = chunk->len;
        chunk = chunk_add(chunk, CHUNK_TEXT, text, SIZES[i]);
        assert_int_equal(chunk_frame_end(chunk, from), from);
        assert_int_equal(chunk_frame_end(chunk, from + 1), chunk->len);
        assert_int_equal(chunk_frame_end(chunk, chunk->len), chunk->len);
    }
    chunk_unref(chunk);
    chunk = chunk_of_bytes("HTTP/1.1 101", 12); /* not to be taken for frames, nor to be dropped */
    for (size_t at = 0; at <= 12; at++)
        assert_int_equal(chunk_frame_end(chunk, at), 12);
    chunk_unref(chunk);
}

static void close_frames(void **state)
{
    static char reason[200];
    (void)state;
    memset(reason, 'x', sizeof reason - 1);
    struct chunk *a = chunk_of_close(1001, "bye"), *b = chunk_of_close(0, "bye"),
                 *c = chunk_of_close(1013, reason);
    assert_int_equal(a->len, 7);
    assert_memory_equal(a->bytes,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
    assert_int_equal(b->len, 2);
    assert_int_equal(c->len, 127);
    chunk_unref(a);
    chunk_unref(b);
    chunk_unref(c);
    chunk_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(frames_of_a_row, clear),
        cmocka_unit_test_teardown(the_same_frame_is_made_once, clear),
        cmocka_unit_test_teardown(a_frame_takes_fifty, clear),
        cmocka_unit_test_teardown(the_oldest_go, clear),
        cmocka_unit_test_teardown(a_gap_begins_a_new_row, clear),
        cmocka_unit_test(where_frames_end),
        cmocka_unit_test(close_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
