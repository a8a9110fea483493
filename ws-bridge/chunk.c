#include "ws-bridge/chunk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HEADER_MAX 10
#define FIN 0x80
#define CONTROL_MAX 125

struct chunk *chunk_new(size_t room)
{
    struct chunk *chunk = mem_alloc(sizeof *chunk + HEADER_MAX + room);
    chunk->refs = 1;
    chunk->is_raw = 0;
    chunk->len = 0;
    chunk->room = HEADER_MAX + room;
    return chunk;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    chunk->refs++;
    return chunk;
}

void chunk_unref(struct chunk *chunk)
{
    if (chunk && --chunk->refs == 0)
        free(chunk);
}

static struct chunk *make_room(struct chunk *chunk, size_t n)
{
    size_t room = chunk->room;
    if (n <= room - chunk->len)
        return chunk;
    while (n > room - chunk->len)
        room *= 2;
    chunk = mem_realloc(chunk, sizeof *chunk + room);
    chunk->room = room;
    return chunk;
}

/* RFC 6455, 5.2: lengths take one byte, three or nine. -> the header's bytes */
static size_t put_header(unsigned char *out, int opcode, uint64_t n)
{
    size_t extra = n < 126 ? 0 : n < 65536 ? 2 : 8;
    out[0] = (unsigned char)(FIN | opcode);
    out[1] = (unsigned char)(extra == 0 ? n : extra == 2 ? 126 : 127);
    for (size_t i = 0; i < extra; i++)
        out[2 + i] = (unsigned char)(n >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

struct chunk *chunk_add(struct chunk *chunk, int opcode, const char *payload, size_t n)
{
    unsigned char header[HEADER_MAX];
    size_t n_header = put_header(header, opcode, n);
    chunk = make_room(chunk, n_header + n);
    char *to = chunk->bytes + chunk->len;
    memcpy(to, header, n_header);
    if (n) /* else payload may be NULL */
        memcpy(to + n_header, payload, n);
    chunk->len += n_header + n;
    return chunk;
}

struct chunk *chunk_of(int opcode, const char *payload, size_t n)
{
    return chunk_add(chunk_new(n), opcode, payload, n);
}

struct chunk *chunk_of_close(int code, const char *reason)
{
    char payload[CONTROL_MAX] = {(char)(code >> 8), (char)code};
    size_t n = strnlen(reason, sizeof payload - 2); /* our reasons are ASCII: any cut is good */
    if (!code)
        return chunk_of(CHUNK_CLOSE, "", 0);
    memcpy(payload + 2, reason, n);
    return chunk_of(CHUNK_CLOSE, payload, 2 + n);
}

struct chunk *chunk_of_bytes(const char *bytes, size_t n)
{
    struct chunk *chunk = chunk_new(n);
    memcpy(chunk->bytes, bytes, n);
    chunk->len = n;
    chunk->is_raw = 1;
    return chunk;
}

/* The whole length of the frame that begins here. */
static size_t frame_len(const unsigned char *at)
{
    size_t extra = at[1] < 126 ? 0 : at[1] == 126 ? 2 : 8;
    uint64_t n = extra ? 0 : at[1];
    for (size_t i = 0; i < extra; i++)
        n = n << 8 | at[2 + i];
    return 2 + extra + n;
}

size_t chunk_frame_end(const struct chunk *chunk, size_t offset)
{
    size_t end = chunk->is_raw ? chunk->len : 0;
    while (end < offset)
        end += frame_len((const unsigned char *)chunk->bytes + end);
    return end;
}
