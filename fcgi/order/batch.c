#include "order/batch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "order/store.h"

struct batch_entry {
    struct batch_call *call;
    size_t at; /* in its call */
    const void *request;
    rds_reply_fn fn;
    void *arg;
};

struct batch_call {
    struct batch *batch;
    struct batch_call *next; /* among the waiting, or the sent */
    size_t n;
    struct batch_entry *entries[BATCH_MAX]; /* NULL: cancelled */
};

static void free_calls(struct batch_call **first)
{
    while (*first) {
        struct batch_call *call = *first;
        *first = call->next;
        for (size_t i = 0; i < call->n; i++)
            free(call->entries[i]);
        free(call);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void unlink_sent(struct batch *b, struct batch_call *call)
{
    struct batch_call **at = &b->sent;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    b->n_sent--;
}

/* Calls one requester back with its part of the answer. */
static void answer(struct batch_entry *entry, const struct rds_result *whole)
{
    struct rds_result part = *whole;
    part.reply = rds_at(whole->reply, entry->at);
    const char *error = whole->outcome == RDS_OK ? store_job_error(part.reply) : NULL;
    if (error)
        part = (struct rds_result){.outcome = RDS_ERROR, .text = error};
    rds_reply_fn fn = entry->fn;
    void *arg = entry->arg;
    entry->call->entries[entry->at] = NULL;
    free(entry);
    fn(arg, &part);
}

static void on_answered(void *arg, const struct rds_result *result)
{
    struct batch_call *call = arg;
    unlink_sent(call->batch, call);
    for (size_t i = 0; i < call->n; i++)
        if (call->entries[i])
            answer(call->entries[i], result);
    free(call);
}

/* ---- requests -------------------------------------------------------------------------------- */

void batch_init(struct batch *b, struct rds *r, batch_send_fn send, size_t unanswered_max)
{
    *b = (struct batch){.rds = r, .send = send, .unanswered_max = unanswered_max};
}

/* Closes the gaps that cancelled requests left. */
static void compact(struct batch_call *call)
{
    size_t n = 0;
    for (size_t i = 0; i < call->n; i++) {
        if (!call->entries[i])
            continue;
        call->entries[n] = call->entries[i];
        call->entries[n]->at = n;
        n++;
    }
    call->n = n;
}

static void send_first(struct batch *b)
{
    struct batch_call *call = b->waiting;
    const void *requests[BATCH_MAX];
    b->waiting = call->next;
    if (!b->waiting)
        b->open = NULL;
    compact(call);
    if (call->n == 0) {
        free(call);
        return;
    }
    for (size_t i = 0; i < call->n; i++)
        requests[i] = call->entries[i]->request;
    call->next = b->sent;
    b->sent = call;
    b->n_sent++;
    b->send(b->rds, requests, call->n, on_answered, call);
}

static int may_send(const struct batch *b)
{
    return b->unanswered_max == 0 || b->n_sent < b->unanswered_max;
}

void batch_turn(struct batch *b)
{
    while (b->waiting && may_send(b))
        send_first(b);
}

static void open_another(struct batch *b)
{
    struct batch_call *call = mem_calloc(1, sizeof *call);
    call->batch = b;
    if (b->open)
        b->open->next = call;
    else
        b->waiting = call;
    b->open = call;
}

struct batch_entry *batch_add(struct batch *b, const void *request, rds_reply_fn fn, void *arg)
{
    if (b->open && b->open->n == BATCH_MAX && may_send(b))
        send_first(b);
    if (!b->open || b->open->n == BATCH_MAX)
        open_another(b);
    struct batch_entry *entry = mem_alloc(sizeof *entry);
    *entry = (struct batch_entry){b->open, b->open->n, request, fn, arg};
    b->open->entries[b->open->n++] = entry;
    return entry;
}

void batch_cancel(struct batch_entry *entry)
{
    if (!entry)
        return;
    entry->call->entries[entry->at] = NULL;
    free(entry);
}

void batch_release(struct batch *b)
{
    free_calls(&b->waiting);
    free_calls(&b->sent);
    b->open = NULL;
}
