/* What waits to be sent to one client: chunks in order, most of them shared with other clients. It
 * knows the socket only while it is flushed; how much may wait is for its owner to say. */
#ifndef TIFFIN_WS_SEND_QUEUE_H
#define TIFFIN_WS_SEND_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct chunk;

/* All zero: an empty queue. */
struct send_queue {
    struct chunk **ring;      /* NULL until the first add */
    uint32_t first, n, slots; /* chunks; slots: a power of two */
    size_t sent;              /* bytes of the first chunk that are gone */
    size_t bytes;             /* of all chunks, still to be sent */
};

/* Takes a reference of its own. */
void send_queue_add(struct send_queue *q, struct chunk *chunk);
/* Adds a frame that no other client gets; copies its payload. Small ones share a chunk: one for
 * each answer to a flood of pings would take many times the memory that q->bytes says. */
void send_queue_add_frame(struct send_queue *q, int opcode, const char *payload, size_t n);
/* Writes until the queue is empty or the socket full. 0, or -errno when nothing can be written any
 * more. */
int send_queue_flush(struct send_queue *q, int fd);
/* Forgets all but the rest of the frame that has been begun: what follows it is in step. */
void send_queue_cut(struct send_queue *q);
/* Forgets all and frees the memory; it is an empty queue then. */
void send_queue_release(struct send_queue *q);

#endif
