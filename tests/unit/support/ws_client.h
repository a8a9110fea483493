/* What the tests of the bridge say as a client, and rules that let them do what they like: nothing
 * is limited but a message (100 bytes) and the queue, and no deadline comes. */
#ifndef TIFFIN_TESTS_SUPPORT_WS_CLIENT_H
#define TIFFIN_TESTS_SUPPORT_WS_CLIENT_H

#include "ws-bridge/client.h"

/* A handshake without its last empty line: more headers may follow. */
#define WS_REQUEST(query) \
    "GET /ws/support-chat" query " HTTP/1.1\r\nHost: x\r\n" \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define WS_JSON "Sec-WebSocket-Protocol: tiffin.chat.v1\r\n"

#define WS_QUEUE_BYTES 100000

static inline struct client_rules ws_rules(void)
{
    return (struct client_rules){.limits = {.burst = 1, .max_bytes = 100},
                                 .queue_bytes = WS_QUEUE_BYTES,
                                 .ping_ms = 60000,
                                 .pong_ms = 60000,
                                 .handshake_ms = 60000,
                                 .close_ms = 60000,
                                 .origins = ""};
}

#endif
