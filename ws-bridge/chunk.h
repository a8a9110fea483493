/* Encoded frames that go out, shared: made once, in the send queue of every client that gets them
 * by reference, freed with the last of these. A server's frames are not masked, so all clients get
 * the same bytes. Many frames of one turn of the loop stand in one chunk. */
#ifndef TIFFIN_WS_CHUNK_H
#define TIFFIN_WS_CHUNK_H

#include <stddef.h>

/* Opcodes (RFC 6455, 5.2). */
#define CHUNK_TEXT 0x1
#define CHUNK_CLOSE 0x8
#define CHUNK_PING 0x9
#define CHUNK_PONG 0xa

struct chunk {
    int refs;
    int is_raw;       /* no frames: bytes that belong together */
    size_t len, room; /* of bytes */
    char bytes[];
};

/* With room for so many payload bytes in one frame; it grows. The caller has the one reference. */
struct chunk *chunk_new(size_t room);
struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk *chunk); /* NULL ok */

/* Appends a whole frame. Only while there is one reference: the chunk may move. -> the chunk */
struct chunk *chunk_add(struct chunk *chunk, int opcode, const char *payload, size_t n);
/* A chunk with one frame. */
struct chunk *chunk_of(int opcode, const char *payload, size_t n);
/* A close frame; code 0 = without one, and then without a reason. The reason is cut at what fits.
 */
struct chunk *chunk_of_close(int code, const char *reason);
/* Bytes that are no frame (an HTTP answer, the rest of a frame). */
struct chunk *chunk_of_bytes(const char *bytes, size_t n);

/* Where the frame ends that the byte at `offset` belongs to; `offset` itself when a frame begins
 * there. (What was begun must be finished, what was not may be dropped.) Raw bytes end where they
 * end: an answer to a handshake is never dropped. */
size_t chunk_frame_end(const struct chunk *chunk, size_t offset);

#endif
