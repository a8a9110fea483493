/* The bytes of a record: the FastCGI header (version 1, STDOUT, request 1, length, no padding) and
 * the event stream's text. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/fastcgi.h"
#include "api/sse.h"

static void assert_record(struct sse_record *record, const char *text)
{
    size_t n = strlen(text);
    const unsigned char header[] = {1, 6, 0, 1, (unsigned char)(n >> 8), (unsigned char)n, 0, 0};
    assert_non_null(record);
    assert_int_equal(record->n, sizeof header + n);
    assert_memory_equal(record->bytes, header, sizeof header);
    assert_memory_equal(record->bytes + sizeof header, text, n);
    free(record);
}

static void records_exactly(void **state)
{
    (void)state;
    assert_record(sse_encode(3, NULL, "{\"version\":3}"), "id: 3\ndata: {\"version\":3}\n\n");
    assert_record(sse_encode(-1, "end", "{\"status\":\"delivered\"}"),
                  "event: end\ndata: {\"status\":\"delivered\"}\n\n");
    assert_record(sse_encode(12, "end", "{}"), "event: end\nid: 12\ndata: {}\n\n");
    assert_record(sse_encode(-1, NULL, "x"), "data: x\n\n");
}

static void id_zero_is_an_id(void **state)
{
    (void)state;
    assert_record(sse_encode(0, NULL, "x"), "id: 0\ndata: x\n\n");
    assert_record(sse_encode(2147483647, NULL, "x"), "id: 2147483647\ndata: x\n\n");
}

/* Without a data line EventSource would not dispatch the event. */
static void empty_data_still_has_its_line(void **state)
{
    (void)state;
    assert_record(sse_encode(-1, "end", ""), "event: end\ndata: \n\n");
}

static void data_is_not_a_format(void **state)
{
    (void)state;
    assert_record(sse_encode(-1, "%s%n", "100 % %d caf\xc3\xa9"),
                  "event: %s%n\ndata: 100 % %d caf\xc3\xa9\n\n");
}

static void lengths_over_one_byte(void **state)
{
    static const size_t SIZES[] = {247, 248, 249, 255, 256, 4096, 65527, 65535 - 8};
    (void)state;
    for (size_t i = 0; i < LENGTH(SIZES); i++) {
        size_t n = SIZES[i];
        char *data = malloc(n + 1), *text = malloc(n + 16);
        memset(data, 'x', n);
        data[n] = '\0';
        snprintf(text, n + 16, "data: %s\n\n", data);
        assert_record(sse_encode(-1, NULL, data), text);
        free(data);
        free(text);
    }
}

static void record_headers(void **state)
{
    static const struct {
        size_t n;
        unsigned char high, low;
    } TABLE[] = {{0, 0, 0}, {1, 0, 1}, {255, 0, 255}, {256, 1, 0}, {65535, 255, 255}};
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        const unsigned char expected[] = {1, 6, 0, 1, TABLE[i].high, TABLE[i].low, 0, 0};
        unsigned char *out = (unsigned char *)guarded("????????", FASTCGI_RECORD_HEADER);
        fastcgi_record_header(out, TABLE[i].n);
        assert_memory_equal(out, expected, sizeof expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_exactly),
        cmocka_unit_test(id_zero_is_an_id),
        cmocka_unit_test(empty_data_still_has_its_line),
        cmocka_unit_test(data_is_not_a_format),
        cmocka_unit_test(lengths_over_one_byte),
        cmocka_unit_test(record_headers),
    };
    return cmocka_run_group_tests_name("api/sse", tests, NULL, NULL);
}
