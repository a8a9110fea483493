#include "ws-bridge/chat_log.h"

#include "order/chat.h"

#define LOG_BYTES 67108864
#define KEPT_LEAST 50
#define READ_BYTES 67108864 /* redis.conf disconnects a client whose replies pile up to 128 MB */

int chat_log_kept(int max_bytes)
{
    int fit = LOG_BYTES / max_bytes;
    return fit > CHAT_KEPT ? CHAT_KEPT : fit < KEPT_LEAST ? KEPT_LEAST : fit;
}

int chat_log_read_limit(int n, int max_bytes)
{
    int fit = READ_BYTES / max_bytes;
    return fit < n ? fit : n;
}
