/* The opening handshake: what is let in, what is refused and with which words, at every cut. */
#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ws-bridge/handshake.h"

#define LINE "GET /ws/support-chat HTTP/1.1\r\n"
#define HOST "Host: chat.example\r\n"
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455, 1.3 */
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define GOOD LINE HOST UP KEY V13

static struct handshake read_text(const char *text, const char *origins)
{
    struct handshake h;
    size_t n = strlen(text);
    handshake_read(guarded(text, n), n, origins, &h);
    return h;
}

static void the_example_of_the_rfc(void **state)
{
    (void)state;
    struct handshake h = read_text(GOOD "\r\n", "");
    struct buf out = BUF_INIT(1024);
    assert_int_equal(h.kind, HANDSHAKE_UPGRADE);
    assert_int_equal(h.n_bytes, strlen(GOOD) + 2);
    assert_string_equal(h.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_false(h.is_json);
    assert_int_equal(h.after, -1);
    handshake_answer(&h, &out);
    assert_string_equal(out.data, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    buf_release(&out);
}

static void every_prefix_is_partial(void **state)
{
    (void)state;
    static const char TEXT[] = GOOD "Sec-WebSocket-Protocol: tiffin.chat.v1\r\n\r\n";
    struct handshake h;
    for (size_t n = 0; n < sizeof TEXT - 1; n++) {
        handshake_read(guarded(TEXT, n), n, "", &h);
        assert_int_equal(h.kind, HANDSHAKE_PARTIAL);
    }
    assert_int_equal(read_text(TEXT, "").kind, HANDSHAKE_UPGRADE);
}

static void what_follows_the_head_is_left(void **state)
{
    (void)state;
    struct handshake h = read_text(GOOD "\r\n\x81\x80zzzz", "");
    assert_int_equal(h.kind, HANDSHAKE_UPGRADE);
    assert_int_equal(h.n_bytes, strlen(GOOD) + 2);
}

static const struct {
    const char *name, *text;
    int status;
} CASES[] = {
    {"names in any case",
     LINE "hOST: x\r\nUPGRADE: WebSocket\r\nconnection: upgrade\r\nsec-websocket-key: "
          "dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n",
     101},
    {"lists of tokens",
     LINE HOST "Upgrade: h2c, websocket\r\nConnection: keep-alive, Upgrade\r\n" KEY V13, 101},
    {"lists over several lines",
     LINE HOST "Upgrade: websocket\r\nConnection: keep-alive\r\n"
               "Connection:Upgrade\r\n" KEY V13,
     101},
    {"blanks round a value", LINE "Host:\t x \r\n" UP KEY "Sec-WebSocket-Version:  13\t\r\n", 101},
    {"a value that is empty", GOOD "X-Nothing:\r\n", 101},
    {"an extension is offered", GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n", 101},
    {"an empty body", GOOD "Content-Length: 0\r\n", 101},
    {"a control character that is not read", GOOD "X-Odd: a\001b\x7f\r\n", 101},

    {"bare line feeds", "GET /ws/support-chat HTTP/1.1\nHost: x\n\n", 400},
    {"no version of HTTP", "GET /ws/support-chat\r\n" HOST, 400},
    {"HTTP/2.0", "GET /ws/support-chat HTTP/2.0\r\n" HOST UP KEY V13, 400},
    {"HTTP/1.0", "GET /ws/support-chat HTTP/1.0\r\n" HOST UP KEY V13, 426},
    {"two spaces", "GET  /ws/support-chat HTTP/1.1\r\n" HOST UP KEY V13, 400},
    {"an absolute target", "GET http://x/ws/support-chat HTTP/1.1\r\n" HOST UP KEY V13, 400},
    {"a folded header", GOOD "X-Long: a\r\n b\r\n", 400},
    {"a blank before the colon", GOOD "X-Odd : a\r\n", 400},
    {"no colon", GOOD "nonsense\r\n", 400},
    {"no name", GOOD ": a\r\n", 400},
    {"a control character that is read", GOOD "Origin: http://chat.example\001\r\n", 400},
    {"a control character in the key", LINE HOST UP V13 "Sec-WebSocket-Key: \x7f\r\n", 400},
    {"a bare CR", GOOD "X-Odd: a\rb\r\n", 400},
    {"no Host", LINE UP KEY V13, 400},
    {"two Hosts", GOOD HOST, 400},
    {"a body", GOOD "Content-Length: 5\r\n", 400},
    {"a chunked body", GOOD "Transfer-Encoding: chunked\r\n", 400},
    {"another path", "GET /ws/support-chats HTTP/1.1\r\n" HOST UP KEY V13, 404},
    {"POST", "POST /ws/support-chat HTTP/1.1\r\n" HOST UP KEY V13, 405},
    {"HEAD", "HEAD /ws/support-chat HTTP/1.1\r\n" HOST UP KEY V13, 405},
    {"POST with a body", "POST /ws/support-chat HTTP/1.1\r\n" HOST "Content-Length: 5\r\n", 405},
    {"a method of its own", "BREW /ws/support-chat HTTP/1.1\r\n" HOST UP KEY V13, 405},
    {"POST /healthz", "POST /healthz HTTP/1.1\r\n" HOST, 405},
    {"a body for nobody", "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 5\r\n", 404},
    {"no Upgrade", LINE HOST "Connection: Upgrade\r\n" KEY V13, 426},
    {"no Connection", LINE HOST "Upgrade: websocket\r\n" KEY V13, 426},
    {"another upgrade", LINE HOST "Upgrade: websockets\r\nConnection: Upgrade\r\n" KEY V13, 426},
    {"no key", LINE HOST UP V13, 400},
    {"two keys", GOOD KEY, 400},
    {"a short key", LINE HOST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n", 400},
    {"a key that is no base64", LINE HOST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n",
     400},
    {"no version", LINE HOST UP KEY, 426},
    {"version 8", LINE HOST UP KEY "Sec-WebSocket-Version: 8\r\n", 426},
    {"version 130", LINE HOST UP KEY "Sec-WebSocket-Version: 130\r\n", 426},
    {"two versions", GOOD V13, 400},
    {"a foreign origin", GOOD "Origin: https://evil.example\r\n", 403},
    {"no origin at all", GOOD "Origin: null\r\n", 403},
    {"two origins", GOOD "Origin: http://chat.example\r\nOrigin: http://chat.example\r\n", 403},
    {"a longer host", GOOD "Origin: http://chat.example.evil.example\r\n", 403},
    {"another port", GOOD "Origin: http://chat.example:81\r\n", 403},
    {"the same host", GOOD "Origin: http://chat.example\r\n", 101},
    {"the same host over TLS", GOOD "Origin: https://CHAT.example:443\r\n", 101},
    {"an allowed origin", GOOD "Origin: https://shop.example:444\r\n", 101},
};

static void who_is_let_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++) {
        char *text = malloc(strlen(CASES[i].text) + 3);
        sprintf(text, "%s\r\n", CASES[i].text);
        struct handshake h = read_text(text, "http://x  https://shop.example:444");
        struct buf out = BUF_INIT(4096);
        char status[8];
        if (h.status != CASES[i].status)
            fail_msg("%s: %d (%s), not %d", CASES[i].name, h.status, h.reason, CASES[i].status);
        handshake_answer(&h, &out);
        snprintf(status, sizeof status, " %d ", h.status);
        assert_ptr_equal(strstr(out.data, status), out.data + 8);
        assert_true((h.status == 426) == !!strstr(out.data, "\r\nSec-WebSocket-Version: 13\r\n"));
        assert_true((h.status == 405) == !!strstr(out.data, "\r\nAllow: GET"));
        buf_release(&out);
        free(text);
    }
}

static void any_origin_where_all_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(read_text(GOOD "Origin: null\r\n\r\n", "*").kind, HANDSHAKE_UPGRADE);
}

static void subprotocols(void **state)
{
    static const struct {
        const char *headers;
        int is_json;
    } OFFERS[] = {
        {"Sec-WebSocket-Protocol: tiffin.chat.v1\r\n", 1},
        {"Sec-WebSocket-Protocol: a,tiffin.chat.v1 ,b\r\n", 1},
        {"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: tiffin.chat.v1\r\n", 1},
        {"Sec-WebSocket-Protocol: Tiffin.Chat.V1\r\n", 0},
        {"Sec-WebSocket-Protocol: tiffin.chat.v2\r\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(OFFERS); i++) {
        char text[512];
        struct buf out = BUF_INIT(4096);
        snprintf(text, sizeof text, GOOD "%s\r\n", OFFERS[i].headers);
        struct handshake h = read_text(text, "");
        assert_int_equal(h.kind, HANDSHAKE_UPGRADE);
        assert_int_equal(h.is_json, OFFERS[i].is_json);
        handshake_answer(&h, &out);
        assert_int_equal(!!strstr(out.data, "\r\nSec-WebSocket-Protocol: tiffin.chat.v1\r\n"),
                         OFFERS[i].is_json);
        buf_release(&out);
    }
}

static void where_to_resume(void **state)
{
    static const struct {
        const char *query;
        int64_t after;
    } QUERIES[] = {
        {"", -1},          {"?after=0", 0},
        {"?after=17", 17}, {"?a=1&after=9&b", 9},
        {"?after", -1},    {"?AFTER=x", -1},
        {"?xafter=x", -1}, {"?after=9223372036854775807", 9223372036854775807},
        {"?after=007", 7}, {"?a=1&a=2&after=3&a&&", 3},
    };
    static const char *const NO_IDS[] = {"after=",
                                         "after=-3",
                                         "after=-0",
                                         "after=1&after=1",
                                         "after=1&a&after=",
                                         "after=1x",
                                         "after=+1",
                                         "after=NaN",
                                         "a&after=%31",
                                         "after=x&after=1",
                                         "after=9223372036854775808",
                                         "after=92233720368547758080"};
    (void)state;
    for (size_t i = 0; i < LENGTH(QUERIES); i++) {
        char text[512];
        snprintf(text, sizeof text, "GET /ws/support-chat%s HTTP/1.1\r\n" HOST UP KEY V13 "\r\n",
                 QUERIES[i].query);
        struct handshake h = read_text(text, "");
        assert_int_equal(h.kind, HANDSHAKE_UPGRADE);
        if (h.after != QUERIES[i].after)
            fail_msg("%s: %lld", QUERIES[i].query, (long long)h.after);
    }
    for (size_t i = 0; i < LENGTH(NO_IDS); i++) {
        char text[512];
        snprintf(text, sizeof text, "GET /ws/support-chat?%s HTTP/1.1\r\n" HOST UP KEY V13 "\r\n",
                 NO_IDS[i]);
        struct handshake h = read_text(text, "");
        if (h.status != 400 || strcmp(h.reason, "after must be the id of a message") != 0)
            fail_msg("%s: %d", NO_IDS[i], h.status);
        assert_int_equal(h.after, -1);
    }
}

static void health(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(4096);
    struct handshake h = read_text("GET /healthz HTTP/1.0\r\n\r\n", "");
    assert_int_equal(h.kind, HANDSHAKE_HEALTHZ);
    handshake_health(&h, NULL, &out);
    assert_non_null(strstr(out.data, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(out.data, "\r\n\r\n{\"status\":\"ok\"}"));
    buf_release(&out);
    h = read_text("HEAD /readyz HTTP/1.1\r\n" HOST "\r\n", "");
    assert_int_equal(h.kind, HANDSHAKE_READYZ);
    handshake_health(&h, "no \"way\"", &out);
    assert_non_null(strstr(out.data, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_string_equal(strstr(out.data, "\r\n\r\n"), "\r\n\r\n"); /* HEAD has no body */
    buf_release(&out);
}

static void limits(void **state)
{
    (void)state;
    static char junk[HANDSHAKE_MAX_BYTES];
    struct buf text = BUF_INIT(3 * HANDSHAKE_MAX_BYTES);
    memset(junk, 'x', sizeof junk - 1);
    buf_addf(&text, LINE "X-Long: %s", junk);
    assert_int_equal(read_text(text.data, "").status, 431);
    buf_addf(&text, "\r\n\r\n");
    assert_int_equal(read_text(text.data, "").status, 431);
    buf_release(&text);
    buf_addf(&text, GOOD);
    while (text.len + sizeof "a: b\r\n\r\n" - 1 <= HANDSHAKE_MAX_BYTES)
        buf_addf(&text, "a: b\r\n"); /* however many */
    buf_addf(&text, "\r\n");
    assert_int_equal(read_text(text.data, "").status, 101);
    text.len -= 2;
    buf_addf(&text, "a: b\r\n\r\n");
    assert_int_equal(read_text(text.data, "").status, 431);
    buf_release(&text);
}

static void request_ids(void **state)
{
    (void)state;
    assert_string_equal(read_text(GOOD "X-Request-Id: abc-DEF_1\r\n\r\n", "").request_id,
                        "abc-DEF_1");
    assert_string_equal(read_text(GOOD "X-Request-Id: \"quoted\"\r\n\r\n", "").request_id, "");
}

/* Every answer bears the request's id: in a header, and in a refusal's body the same one. */
static void answers_bear_the_request_id(void **state)
{
#define ID "X-Request-Id: abcdef1234\r\n"
    static const char *const REQUESTS[] = {GOOD ID "\r\n", LINE ID "nonsense\r\n",
                                           LINE HOST ID "\r\n",
                                           "GET /nowhere HTTP/1.1\r\n" ID "\r\n"};
    (void)state;
    for (size_t i = 0; i < LENGTH(REQUESTS); i++) {
        struct handshake h = read_text(REQUESTS[i], "");
        struct buf out = BUF_INIT(4096);
        handshake_answer(&h, &out);
        assert_non_null(strstr(out.data, "\r\n" ID));
        if (h.kind == HANDSHAKE_REFUSED)
            assert_non_null(strstr(out.data, "\"request_id\":\"abcdef1234\""));
        buf_release(&out);
    }
}

static void whom_nginx_speaks_for(void **state)
{
    (void)state;
    assert_string_equal(read_text(GOOD "\r\n", "").address, "");
    assert_string_equal(read_text(GOOD "X-Forwarded-For: 192.0.2.7\r\n\r\n", "").address,
                        "192.0.2.7");
    assert_string_equal(
        read_text(GOOD "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.5\r\n\r\n", "").address,
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(every_prefix_is_partial),
        cmocka_unit_test(what_follows_the_head_is_left),
        cmocka_unit_test(who_is_let_in),
        cmocka_unit_test(any_origin_where_all_are_allowed),
        cmocka_unit_test(subprotocols),
        cmocka_unit_test(where_to_resume),
        cmocka_unit_test(health),
        cmocka_unit_test(limits),
        cmocka_unit_test(request_ids),
        cmocka_unit_test(answers_bear_the_request_id),
        cmocka_unit_test(whom_nginx_speaks_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
