/* The opening handshake (RFC 6455, 4.2), and the two health requests that share the port. Pure:
 * bytes in, a verdict and the answer's bytes out.
 *
 * Strict, since others than nginx may connect: one request line, CR LF, header names that are
 * tokens, nothing folded, nothing twice that must be once, no body. But what nginx lets through for
 * a page is no reason to refuse the chat: headers that are not read may be many and hold anything.
 */
#ifndef TIFFIN_WS_HANDSHAKE_H
#define TIFFIN_WS_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/* Of a request's head, more than nginx passes on: it takes 33 KB (client_header_buffer_size and
 * large_client_header_buffers) and adds a few short headers. */
#define HANDSHAKE_MAX_BYTES 49152
#define HANDSHAKE_SUBPROTOCOL "tiffin.chat.v1"

enum handshake_kind {
    HANDSHAKE_PARTIAL, /* more bytes are needed */
    HANDSHAKE_UPGRADE, /* a WebSocket from here on */
    HANDSHAKE_HEALTHZ, /* GET or HEAD /healthz */
    HANDSHAKE_READYZ,
    HANDSHAKE_REFUSED, /* status and reason say why */
};

struct handshake {
    enum handshake_kind kind;
    size_t n_bytes;      /* of the request's head; 0 while partial */
    int status;          /* HTTP: 101, 200, or the refusal */
    const char *reason;  /* of a refusal, in one line; a constant */
    int is_head;         /* HEAD: the answer has no body */
    int is_json;         /* tiffin.chat.v1 was offered, and is taken */
    int64_t after;       /* ?after=<id>; -1 = not given (400: it is no id) */
    const char *allow;   /* the methods of what was asked for, as Allow says them */
    char accept[32];     /* Sec-WebSocket-Accept */
    char request_id[65]; /* X-Request-Id, "" = none; also of a refusal, if it was read */
    char address[46];    /* X-Forwarded-For: the client's, as nginx saw it; "" = not known */
};

/* Judges what has come so far; to be called again with all of it and more while it is PARTIAL. What
 * is over HANDSHAKE_MAX_BYTES is refused (431). `origins`: the allowed ones besides the same host,
 * separated by spaces; "*" = all. */
void handshake_read(const char *bytes, size_t n, const char *origins, struct handshake *ret);

/* Appends the answer to an UPGRADE or a refusal. */
void handshake_answer(const struct handshake *h, struct buf *out);
/* Appends the answer to a health request: 200, or 503 with the reason if there is one (not NULL).
 */
void handshake_health(const struct handshake *h, const char *trouble, struct buf *out);

#endif
