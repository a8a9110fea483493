#include "ws-bridge/send_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "ws-bridge/chunk.h"

#define FIRST_SLOTS 4
#define IOV_MAX_AT_ONCE 64
#define SHARED_BYTES 4096 /* small frames for one client share a chunk up to about this size */

static struct chunk **slot_at(const struct send_queue *q, uint32_t i)
{
    return &q->ring[(q->first + i) & (q->slots - 1)];
}

/* ---- in ------------------------------------------------------------------------------------- */

static void grow(struct send_queue *q)
{
    uint32_t slots = q->slots ? q->slots * 2 : FIRST_SLOTS;
    struct chunk **ring = mem_alloc(slots * sizeof(struct chunk *));
    for (uint32_t i = 0; i < q->n; i++)
        ring[i] = *slot_at(q, i);
    free(q->ring);
    q->ring = ring;
    q->first = 0;
    q->slots = slots;
}

void send_queue_add(struct send_queue *q, struct chunk *chunk)
{
    if (q->n == q->slots)
        grow(q);
    *slot_at(q, q->n++) = chunk_ref(chunk);
    q->bytes += chunk->len;
}

/* The slot of the last chunk, if no other client has that chunk and it takes more frames; or NULL.
 */
static struct chunk **last_own(struct send_queue *q)
{
    struct chunk **last = q->n ? slot_at(q, q->n - 1) : NULL;
    return last && (*last)->refs == 1 && !(*last)->is_raw && (*last)->len < SHARED_BYTES ? last
                                                                                         : NULL;
}

void send_queue_add_frame(struct send_queue *q, int opcode, const char *payload, size_t n)
{
    struct chunk **last = last_own(q);
    if (last) {
        q->bytes -= (*last)->len;
        *last = chunk_add(*last, opcode, payload, n);
        q->bytes += (*last)->len;
        return;
    }
    struct chunk *chunk = chunk_of(opcode, payload, n);
    send_queue_add(q, chunk);
    chunk_unref(chunk);
}

/* ---- out ------------------------------------------------------------------------------------ */

static void shift(struct send_queue *q)
{
    chunk_unref(*slot_at(q, 0));
    q->first = (q->first + 1) & (q->slots - 1);
    q->n--;
    q->sent = 0;
}

/* So many bytes are gone. */
static void advance(struct send_queue *q, size_t n)
{
    q->bytes -= n;
    while (q->n) {
        size_t left = (*slot_at(q, 0))->len - q->sent;
        if (n < left)
            break;
        n -= left;
        shift(q);
    }
    q->sent += n;
}

/* Fills iov from the head of the queue. -> the bytes in it */
static size_t gather(const struct send_queue *q, struct iovec iov[IOV_MAX_AT_ONCE], size_t *ret_n)
{
    size_t bytes = 0;
    uint32_t i = 0;
    for (; i < q->n && i < IOV_MAX_AT_ONCE; i++) {
        struct chunk *chunk = *slot_at(q, i);
        size_t skip = i ? 0 : q->sent;
        iov[i] = (struct iovec){chunk->bytes + skip, chunk->len - skip};
        bytes += chunk->len - skip;
    }
    *ret_n = i;
    return bytes;
}

int send_queue_flush(struct send_queue *q, int fd)
{
    while (q->n) {
        struct iovec iov[IOV_MAX_AT_ONCE];
        struct msghdr message = {.msg_iov = iov};
        size_t n_iov, wanted = gather(q, iov, &n_iov);
        message.msg_iovlen = n_iov;
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        advance(q, (size_t)n);
        if ((size_t)n < wanted)
            break;
    }
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

void send_queue_cut(struct send_queue *q)
{
    struct chunk *rest = NULL;
    if (q->n) {
        struct chunk *first = *slot_at(q, 0);
        size_t end = chunk_frame_end(first, q->sent);
        if (end > q->sent)
            rest = chunk_of_bytes(first->bytes + q->sent, end - q->sent);
    }
    send_queue_release(q);
    if (rest)
        send_queue_add(q, rest);
    chunk_unref(rest);
}

void send_queue_release(struct send_queue *q)
{
    while (q->n)
        shift(q);
    free(q->ring);
    *q = (struct send_queue){.ring = NULL};
}
