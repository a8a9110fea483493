/* The head is cut into lines, a line into name and value; each header that matters is noted with
 * how often it came. Then the rules, in the order in which a client would want to know:
 *
 *   malformed, host -> 400   unknown path -> 404   method -> 405   body -> 400
 *   no upgrade -> 426   key -> 400   version -> 426   origin -> 403   after -> 400   else 101 */
#include "ws-bridge/handshake.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/http_status.h"
#include "base/origin.h"
#include "base/text.h"

#define PATH "/ws/support-chat"
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define AFTER "after="
#define KEY_CHARACTERS 24 /* base64 of 16 bytes */

struct slice {
    const char *at;
    size_t n;
};

/* The headers that matter: the last value of each, and how often it came. */
enum header {
    H_HOST,
    H_UPGRADE,
    H_CONNECTION,
    H_KEY,
    H_VERSION,
    H_PROTOCOL,
    H_ORIGIN,
    H_LENGTH,
    H_TRANSFER,
    H_REQUEST_ID,
    H_FORWARDED,
    H_COUNT
};

static const char *const HEADER_NAMES[H_COUNT] = {
    [H_HOST] = "host",
    [H_UPGRADE] = "upgrade",
    [H_CONNECTION] = "connection",
    [H_KEY] = "sec-websocket-key",
    [H_VERSION] = "sec-websocket-version",
    [H_PROTOCOL] = "sec-websocket-protocol",
    [H_ORIGIN] = "origin",
    [H_LENGTH] = "content-length",
    [H_TRANSFER] = "transfer-encoding",
    [H_REQUEST_ID] = "x-request-id",
    [H_FORWARDED] = "x-forwarded-for",
};

struct head {
    struct slice method, target;
    int is_http_1_0;
    struct slice value[H_COUNT];
    int times[H_COUNT];
    int has_upgrade, has_connection; /* the token was in one of the lists */
    int has_subprotocol;
};

/* ---- slices --------------------------------------------------------------------------------- */

static struct slice slice(const char *at, size_t n)
{
    return (struct slice){at, n};
}

static int is_text(struct slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.at, text, s.n) == 0;
}

static int is_text_nocase(struct slice s, const char *text)
{
    return s.n == strlen(text) && strncasecmp(s.at, text, s.n) == 0;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
    while (s.n && is_blank(s.at[0]))
        s = slice(s.at + 1, s.n - 1);
    while (s.n && is_blank(s.at[s.n - 1]))
        s.n--;
    return s;
}

/* The part before the first `c`, which is taken away together with it; all when there is none. */
static struct slice cut(struct slice *rest, char c)
{
    const char *at = rest->n ? memchr(rest->at, c, rest->n) : NULL;
    struct slice part = *rest;
    if (at) {
        part.n = (size_t)(at - rest->at);
        *rest = slice(at + 1, rest->n - part.n - 1);
    } else {
        *rest = slice(rest->at + rest->n, 0);
    }
    return part;
}

/* RFC 9110, 5.6.2 */
static int is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.at[i]) && (!s.at[i] || !strchr("!#$%&'*+-.^_`|~", s.at[i])))
            return 0;
    return s.n > 0;
}

/* Is the word in a list like "keep-alive, Upgrade"? */
static int has_word(struct slice list, const char *word, int (*equals)(struct slice, const char *))
{
    while (list.n)
        if (equals(trim(cut(&list, ',')), word))
            return 1;
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void refuse(struct handshake *h, int status, const char *reason)
{
    h->kind = HANDSHAKE_REFUSED;
    h->status = status;
    h->reason = reason;
}

static int read_request_line(struct slice line, struct head *head)
{
    head->method = cut(&line, ' ');
    head->target = cut(&line, ' ');
    head->is_http_1_0 = is_text(line, "HTTP/1.0");
    if (!is_token(head->method) || !head->target.n || head->target.at[0] != '/')
        return -1;
    for (size_t i = 0; i < head->target.n; i++)
        if (head->target.at[i] <= 0x20 || head->target.at[i] == 0x7f)
            return -1;
    return is_text(line, "HTTP/1.1") || head->is_http_1_0 ? 0 : -1;
}

/* The header of that name, if it is one that matters, or H_COUNT. */
static enum header find_header(struct slice name)
{
    int i = 0;
    while (i < H_COUNT && !is_text_nocase(name, HEADER_NAMES[i]))
        i++;
    return (enum header)i;
}

static void note_header(enum header header, struct slice value, struct head *head)
{
    head->times[header]++;
    head->value[header] = value;
    if (header == H_UPGRADE)
        head->has_upgrade |= has_word(value, "websocket", is_text_nocase);
    else if (header == H_CONNECTION)
        head->has_connection |= has_word(value, "upgrade", is_text_nocase);
    else if (header == H_PROTOCOL)
        head->has_subprotocol |= has_word(value, HANDSHAKE_SUBPROTOCOL, is_text);
}

/* RFC 9110, 5.5: NUL, CR and LF make any value invalid. Other control characters are none of our
 * business in a header that is not read: nginx lets them through, for pages too. */
static int is_value(struct slice value, int is_read)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if (c == '\0' || c == '\r' || (is_read && ((c < 0x20 && c != '\t') || c == 0x7f)))
            return 0;
    }
    return 1;
}

static int read_header(struct slice line, struct head *head)
{
    struct slice value = line;
    struct slice name = cut(&value, ':');
    if (!is_token(name) || name.n == line.n)
        return -1;
    enum header header = find_header(name);
    value = trim(value);
    if (!is_value(value, header != H_COUNT))
        return -1;
    if (header != H_COUNT)
        note_header(header, value, head);
    return 0;
}

/* Reads all lines. 1: the whole head, *ret_n bytes of it; 0: not all of it has come; -1: bad. */
static int read_head(struct slice bytes, struct head *head, size_t *ret_n)
{
    struct slice rest = bytes;
    for (int line_number = 0;; line_number++) {
        const char *newline = rest.n ? memchr(rest.at, '\n', rest.n) : NULL;
        if (!newline)
            return 0;
        struct slice line = slice(rest.at, (size_t)(newline - rest.at));
        rest = slice(newline + 1, rest.n - line.n - 1);
        if (!line.n || line.at[line.n - 1] != '\r')
            return -1;
        line.n--;
        if (!line.n && line_number) {
            *ret_n = (size_t)(rest.at - bytes.at);
            return 1;
        }
        if (line_number ? read_header(line, head) : read_request_line(line, head))
            return -1;
    }
}

/* ---- the rules ------------------------------------------------------------------------------ */

static int is_key(struct slice key)
{
    if (key.n != KEY_CHARACTERS || memcmp(key.at + 22, "==", 2) != 0)
        return 0;
    for (size_t i = 0; i < 22; i++)
        if (!isalnum((unsigned char)key.at[i]) && key.at[i] != '+' && key.at[i] != '/')
            return 0;
    return 1;
}

static void make_accept(struct slice key, char out[32])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[KEY_CHARACTERS + sizeof GUID];
    memcpy(text, key.at, KEY_CHARACTERS);
    memcpy(text + KEY_CHARACTERS, GUID, sizeof GUID);
    SHA1((unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

static int is_allowed_origin(const struct head *head, const char *origins)
{
    if (!head->times[H_ORIGIN])
        return 1; /* not a browser */
    if (head->times[H_ORIGIN] > 1)
        return 0;
    struct slice origin = head->value[H_ORIGIN], host = head->value[H_HOST];
    return origin_is_host(origin.at, origin.n, host.at, host.n) ||
           origin_is_listed(origin.at, origin.n, origins);
}

static int is_after(struct slice pair)
{
    return pair.n >= sizeof AFTER - 1 && memcmp(pair.at, AFTER, sizeof AFTER - 1) == 0;
}

/* after=<id> in a query; *ret stays when it is not there. What else is there is of no concern. 0,
 * or -1: it is no id, or there twice. */
static int read_after(struct slice query, int64_t *ret)
{
    int64_t id = -1;
    while (query.n) {
        struct slice pair = cut(&query, '&');
        char digits[20];
        if (!is_after(pair))
            continue;
        size_t n = pair.n - (sizeof AFTER - 1);
        if (id >= 0 || n >= sizeof digits)
            return -1;
        memcpy(digits, pair.at + sizeof AFTER - 1, n);
        digits[n] = '\0';
        if (digits[0] == '-' || text_to_int(digits, &id))
            return -1;
    }
    if (id >= 0)
        *ret = id;
    return 0;
}

static void judge_upgrade(const struct head *head, struct slice query, const char *origins,
                          struct handshake *h)
{
    /* RFC 9110, 7.8: Upgrade in a request of HTTP/1.0 is to be ignored. */
    if (!head->has_upgrade || !head->has_connection || head->is_http_1_0)
        refuse(h, 426,
               "this address speaks WebSocket over HTTP/1.1: Upgrade and Connection are missing");
    else if (head->times[H_KEY] != 1 || !is_key(head->value[H_KEY]))
        refuse(h, 400, "Sec-WebSocket-Key must be there once, 16 bytes in base64");
    else if (head->times[H_VERSION] > 1)
        refuse(h, 400, "Sec-WebSocket-Version must be there once");
    else if (!head->times[H_VERSION] || !is_text(head->value[H_VERSION], "13"))
        refuse(h, 426, "Sec-WebSocket-Version must be 13");
    else if (!is_allowed_origin(head, origins))
        refuse(h, 403, "pages of this origin may not join the chat");
    else if (read_after(query, &h->after))
        refuse(h, 400, "after must be the id of a message");
    else {
        h->kind = HANDSHAKE_UPGRADE;
        h->status = 101;
        h->is_json = head->has_subprotocol;
        make_accept(head->value[H_KEY], h->accept);
    }
}

static int has_body(const struct head *head)
{
    return head->times[H_TRANSFER] ||
           (head->times[H_LENGTH] && !is_text(head->value[H_LENGTH], "0"));
}

static void judge(const struct head *head, const char *origins, struct handshake *h)
{
    struct slice query = head->target;
    struct slice path = cut(&query, '?');
    int is_chat = is_text(path, PATH), is_get = is_text(head->method, "GET");
    h->is_head = is_text(head->method, "HEAD");
    h->allow = is_chat ? "GET" : "GET, HEAD";
    if (head->times[H_HOST] > 1 || (!head->is_http_1_0 && !head->times[H_HOST]))
        refuse(h, 400, "Host must be there once");
    else if (!is_chat && !is_text(path, "/healthz") && !is_text(path, "/readyz"))
        refuse(h, 404, "there is nothing at this address");
    else if (!is_get && (is_chat || !h->is_head))
        refuse(h, 405, is_chat ? "only GET opens a WebSocket" : "this can only be read");
    else if (has_body(head))
        refuse(h, 400, "a body is not expected");
    else if (is_chat)
        judge_upgrade(head, query, origins, h);
    else {
        h->kind = is_text(path, "/healthz") ? HANDSHAKE_HEALTHZ : HANDSHAKE_READYZ;
        h->status = 200;
    }
}

static void keep_request_id(const struct head *head, struct handshake *h)
{
    struct slice id = head->value[H_REQUEST_ID];
    if (head->times[H_REQUEST_ID] != 1 || !id.n || id.n >= sizeof h->request_id)
        return;
    for (size_t i = 0; i < id.n; i++)
        if (!isalnum((unsigned char)id.at[i]) && id.at[i] != '-' && id.at[i] != '_')
            return;
    memcpy(h->request_id, id.at, id.n);
}

/* Whether it is an address is for rate_limit.c to see. */
static void keep_address(const struct head *head, struct handshake *h)
{
    struct slice address = head->value[H_FORWARDED];
    if (head->times[H_FORWARDED] == 1 && address.n && address.n < sizeof h->address)
        memcpy(h->address, address.at, address.n);
}

void handshake_read(const char *bytes, size_t n, const char *origins, struct handshake *ret)
{
    struct head head = {.is_http_1_0 = 0};
    *ret = (struct handshake){.kind = HANDSHAKE_PARTIAL, .reason = "", .allow = "GET", .after = -1};
    int is_whole = read_head(slice(bytes, n), &head, &ret->n_bytes);
    if (is_whole < 0)
        refuse(ret, 400, "the request is malformed");
    else if ((is_whole ? ret->n_bytes : n) > HANDSHAKE_MAX_BYTES)
        refuse(ret, 431, "the headers of the request are too long");
    else if (is_whole)
        judge(&head, origins, ret);
    keep_request_id(&head, ret); /* a refusal too has the id, if that line has come */
    keep_address(&head, ret);
}

/* ---- answering ------------------------------------------------------------------------------ */

static void add_request_id(const struct handshake *h, struct buf *out)
{
    if (*h->request_id)
        (void)buf_addf(out, "X-Request-Id: %s\r\n", h->request_id);
}

/* What an answer without an upgrade differs in. */
struct answer {
    int status;
    const char *more_headers; /* whole lines, "" = none */
    const char *content_type, *body;
};

static void add_answer(const struct handshake *h, const struct answer *answer, struct buf *out)
{
    (void)buf_addf(out,
                   "HTTP/1.1 %d %s\r\nConnection: close\r\nCache-Control: no-store\r\n"
                   "Content-Type: %s\r\nContent-Length: %zu\r\n%s",
                   answer->status, http_status_title(answer->status), answer->content_type,
                   strlen(answer->body), answer->more_headers);
    add_request_id(h, out);
    (void)buf_addf(out, "\r\n%s", h->is_head ? "" : answer->body);
}

/* A reason is one of our own constants and needs no escaping; a request id is checked. */
static void add_problem(const struct handshake *h, int status, const char *more_headers,
                        const char *reason, struct buf *out)
{
    struct buf body = BUF_INIT(2048);
    (void)buf_addf(&body,
                   "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
                   "\"error\":\"%s\",\"request_id\":\"%s\"}",
                   http_status_title(status), status, reason, http_status_title(status),
                   h->request_id);
    const struct answer answer = {status, more_headers, "application/problem+json", body.data};
    add_answer(h, &answer, out);
    buf_release(&body);
}

static void add_upgrade(const struct handshake *h, struct buf *out)
{
    (void)buf_addf(out,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s",
                   h->accept,
                   h->is_json ? "Sec-WebSocket-Protocol: " HANDSHAKE_SUBPROTOCOL "\r\n" : "");
    add_request_id(h, out);
    (void)buf_add(out, "\r\n", 2);
}

void handshake_answer(const struct handshake *h, struct buf *out)
{
    if (h->kind == HANDSHAKE_UPGRADE) {
        add_upgrade(h, out);
    } else if (h->status == 426) {
        add_problem(h, 426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", h->reason, out);
    } else if (h->status == 405) {
        char allow[32];
        snprintf(allow, sizeof allow, "Allow: %s\r\n", h->allow);
        add_problem(h, 405, allow, h->reason, out);
    } else {
        add_problem(h, h->status, "", h->reason, out);
    }
}

/* Text of the system's own (a path, an error) for JSON: what would need escaping is left out. */
static void copy_plain(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++)
        if ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
            out[n++] = *text;
    out[n] = '\0';
}

void handshake_health(const struct handshake *h, const char *trouble, struct buf *out)
{
    struct buf body = BUF_INIT(256);
    if (trouble) {
        char reason[200];
        copy_plain(reason, sizeof reason, trouble);
        add_problem(h, 503, "Retry-After: 1\r\n", reason, out);
        return;
    }
    (void)buf_addf(&body, "{\"status\":\"%s\"}", h->kind == HANDSHAKE_HEALTHZ ? "ok" : "ready");
    const struct answer answer = {200, "", "application/json", body.data};
    add_answer(h, &answer, out);
    buf_release(&body);
}
