#include "ws-bridge/history.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ws-bridge/chunk.h"

#define KEPT_BYTES 1048576 /* of all messages; but always the last one */
#define FRAME_BYTES 65536  /* then the next message begins another frame */
#define FRAME_MAX_BYTES \
    536870912 /* one message, every byte of it escaped, and the frame round it */

struct item {
    char *json;
    size_t len;
};

static struct {
    struct item items[HISTORY_KEPT]; /* item of id at id % HISTORY_KEPT */
    int64_t first, last;             /* first 0: none */
    size_t bytes;
    /* the frame that was asked for last */
    struct chunk *made;
    int64_t made_after, made_last;
    int made_complete;
} kept;

static struct item *item_of(int64_t id)
{
    return &kept.items[id % HISTORY_KEPT];
}

static void forget_made(void)
{
    chunk_unref(kept.made);
    kept.made = NULL;
}

static void drop_first(void)
{
    struct item *item = item_of(kept.first);
    kept.bytes -= item->len;
    free(item->json);
    item->json = NULL;
    if (kept.first++ == kept.last)
        kept.first = kept.last = 0;
}

void history_clear(void)
{
    while (kept.first)
        drop_first();
    forget_made();
}

void history_add(int64_t id, char *json, size_t len)
{
    if (kept.first && id != kept.last + 1)
        history_clear();
    if (kept.first && kept.last - kept.first + 1 == HISTORY_KEPT)
        drop_first();
    *item_of(id) = (struct item){json, len};
    kept.last = id;
    if (!kept.first)
        kept.first = id;
    kept.bytes += len;
    while (kept.bytes > KEPT_BYTES && kept.first != kept.last)
        drop_first();
    forget_made();
}

int64_t history_first(void)
{
    return kept.first;
}

int64_t history_last(void)
{
    return kept.last;
}

/* ---- frames --------------------------------------------------------------------------------- */

void history_frame_begin(struct history_frame *f)
{
    *f = (struct history_frame){.json = BUF_INIT(FRAME_MAX_BYTES)};
    (void)buf_addf(&f->json, "{\"type\":\"history\",\"messages\":[");
}

int history_frame_add(struct history_frame *f, const char *json, size_t len)
{
    if (f->n && (f->n == HISTORY_PER_FRAME || f->json.len + len > FRAME_BYTES))
        return -EMSGSIZE;
    if (f->n++)
        (void)buf_add(&f->json, ",", 1);
    (void)buf_add(&f->json, json, len);
    return 0;
}

struct chunk *history_frame_end(struct history_frame *f, int is_complete, int is_more)
{
    (void)buf_addf(&f->json, "],\"complete\":%s,\"more\":%s}", is_complete ? "true" : "false",
                   is_more ? "true" : "false");
    struct chunk *chunk = chunk_of(CHUNK_TEXT, f->json.data, f->json.len);
    buf_release(&f->json);
    return chunk;
}

struct chunk *history_chunk(int64_t after, int is_complete, int64_t *ret_last)
{
    if (!kept.made || kept.made_after != after || kept.made_complete != is_complete) {
        struct history_frame f;
        int64_t id = after;
        history_frame_begin(&f);
        while (id < kept.last &&
               history_frame_add(&f, item_of(id + 1)->json, item_of(id + 1)->len) == 0)
            id++;
        forget_made();
        kept.made = history_frame_end(&f, is_complete, id < kept.last);
        kept.made_after = after;
        kept.made_last = id;
        kept.made_complete = is_complete;
    }
    *ret_last = kept.made_last;
    return chunk_ref(kept.made);
}
