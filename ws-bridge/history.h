/* The last messages, as JSON, under consecutive ids: what a client gets when it joins, and most of
 * those that resume. What is older stands in Redis. */
#ifndef TIFFIN_WS_HISTORY_H
#define TIFFIN_WS_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct chunk;

#define HISTORY_KEPT 256     /* messages, fewer when they are long */
#define HISTORY_PER_FRAME 50 /* messages of one history frame */

/* Takes the text over. An id that is not the next one clears the rest first. */
void history_add(int64_t id, char *json, size_t len);
void history_clear(void);
int64_t history_first(void); /* id of the oldest; 0 when there is none */
int64_t history_last(void);

/* A frame {"type":"history","messages":[…],"complete":…,"more":…}, made step by step. It takes up
 * to HISTORY_PER_FRAME messages, and stops at about 64 KB. */
struct history_frame {
    struct buf json;
    int n;
};
void history_frame_begin(struct history_frame *f);
/* 0, or -EMSGSIZE when the frame is full (the first one always fits). */
int history_frame_add(struct history_frame *f, const char *json, size_t len);
/* is_complete: nothing is missing before it; is_more: another one follows. -> the caller's chunk */
struct chunk *history_frame_end(struct history_frame *f, int is_complete, int is_more);

/* A frame with what is kept behind `after`; only when history_first() <= after + 1, or nothing is
 * kept. *ret_last is the last id in it, or `after`. -> the caller's reference; made once for all
 * who ask for the same. */
struct chunk *history_chunk(int64_t after, int is_complete, int64_t *ret_last);

#endif
