/* The opening handshake of a WebSocket. The first byte says which origins are allowed; the rest is
 * what came. Cut anywhere, the verdict must be the same. */
#include <string.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"
#include "ws-bridge/handshake.h"

static void check_answer(const struct handshake *h)
{
    struct buf out = BUF_INIT(8192);
    if (h->kind == HANDSHAKE_HEALTHZ || h->kind == HANDSHAKE_READYZ)
        handshake_health(h, h->is_head ? "away \"\\\n" : NULL, &out);
    else
        handshake_answer(h, &out);
    MUST(out.len > 20 && strncmp(out.data, "HTTP/1.1 ", 9) == 0);
    MUST(strlen(out.data) == out.len && strstr(out.data, "\r\n\r\n"));
    buf_release(&out);
}

static void check(const struct handshake *h, size_t n)
{
    MUST(h->n_bytes <= n && h->after >= -1);
    MUST(memchr(h->accept, '\0', sizeof h->accept));
    MUST(memchr(h->request_id, '\0', sizeof h->request_id));
    if (h->kind == HANDSHAKE_UPGRADE)
        MUST(h->status == 101 && strlen(h->accept) == 28 && h->n_bytes > 0);
    if (h->kind == HANDSHAKE_REFUSED)
        MUST(h->status >= 400 && h->status < 500 && *h->reason);
    if (h->kind != HANDSHAKE_PARTIAL)
        check_answer(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ORIGINS[] = {"", "*", "https://shop.example http://b:81", " "};
    if (size < 2)
        return 0;
    const char *origins = ORIGINS[data[0] % 4];
    size_t n = size - 1, cut = n * data[1] / 256;
    char *text = malloc(n), *part = malloc(cut); /* of their exact sizes */
    struct handshake whole, early;
    memcpy(text, data + 1, n);
    if (cut)
        memcpy(part, data + 1, cut);
    handshake_read(text, n, origins, &whole);
    check(&whole, n);
    handshake_read(part, cut, origins, &early);
    check(&early, cut);
    if (early.kind != HANDSHAKE_PARTIAL)
        MUST(early.kind == whole.kind && early.status == whole.status &&
             early.n_bytes == whole.n_bytes);
    free(text);
    free(part);
    return 0;
}
