/* What is read out of Redis. Each line of the input is one element of a flat reply: text, or after
 * a ':' an integer, or after a '-' nil; a '\r' stands for a newline inside an element. The same
 * reply is given to every reader of one. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <json-c/json.h>
#include <string.h>

#include "api/order_view.h"
#include "base/rds.h"
#include "order/order.h"
#include "order/process_metrics.h"
#include "order/store.h"
#include "tests/fuzz/fuzz.h"

#define ELEMENTS_MAX 256

static redisReply elements[ELEMENTS_MAX], *pointers[ELEMENTS_MAX];

static void set_element(redisReply *e, char *line)
{
    memset(e, 0, sizeof *e);
    if (line[0] == ':') {
        e->type = REDIS_REPLY_INTEGER;
        e->integer = strtoll(line + 1, NULL, 10);
    } else if (line[0] == '-') {
        e->type = REDIS_REPLY_NIL;
    } else {
        e->type = REDIS_REPLY_STRING;
        for (char *c = line; (c = strchr(c, '\r'));)
            *c = '\n';
        e->str = line;
        e->len = strlen(line);
    }
}

/* Splits the text, in place, into the elements of an array. */
static redisReply split(char *text, size_t n)
{
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .element = pointers};
    for (char *line = text, *end = text + n; line <= end && reply.elements < ELEMENTS_MAX;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        *stop = '\0';
        set_element(&elements[reply.elements], line);
        pointers[reply.elements] = &elements[reply.elements];
        reply.elements++;
        line = stop + 1;
    }
    return reply;
}

static void check_change(const struct order_change *c)
{
    MUST(c->version >= 1);
    MUST(c->status < ORDER_STATUS_COUNT);
    MUST(c->payment < PAYMENT_STATUS_COUNT);
    MUST(c->kitchen < KITCHEN_STATUS_COUNT);
    MUST(memchr(c->at, '\0', sizeof c->at));
    (void)order_is_settled(c);
}

static void check_order(const redisReply *reply)
{
    struct order o;
    int err = order_parse(reply, &o);
    MUST(err == 0 || err == -ENOENT || err == -EPROTO);
    if (err)
        return;
    MUST(o.n_history >= 1 && o.n_history <= ORDER_HISTORY_MAX);
    for (int i = 0; i < o.n_history; i++) {
        check_change(&o.history[i]);
        MUST(o.history[i].version == o.history[0].version + i);
    }
    MUST(o.now.version == o.history[o.n_history - 1].version);
    check_change(&o.now);
    (void)order_id_is_valid(o.id);
    struct json_object *view = order_view(&o);
    MUST(!strpbrk(json_object_to_json_string_ext(view, JSON_C_TO_STRING_PLAIN), "\r\n"));
    json_object_put(view);
}

static void check_answers(const redisReply *reply)
{
    enum place_outcome place;
    enum cancel_outcome cancel;
    struct job_begun job;
    struct step_next next;
    struct store_stats stats;
    char id[ORDER_ID_SIZE] = "";
    if (store_place_parse(reply, &place, id) == 0)
        MUST(place <= PLACE_FULL && strlen(id) < sizeof id);
    (void)store_cancel_parse(reply, &cancel);
    const char *reason;
    if (store_begin_parse(reply, &job, &reason) == 0)
        MUST(job.step < STEP_COUNT && strlen(job.payment_key) < sizeof job.payment_key);
    (void)store_job_error(reply);
    if (store_step_parse(reply, &next) == 0)
        MUST(next.fate == FATE_SETTLED || next.step < STEP_COUNT);
    (void)store_stats_parse(reply, &stats);
    (void)store_events_entries(reply);
    (void)store_library_version_ok(rds_at(reply, 0));
}

static void check_event(const redisReply *reply)
{
    struct order_event event;
    struct order_change change;
    char id[ORDER_ID_SIZE];
    int is_one;
    order_event_open(&event, reply);
    while ((is_one = order_event_next(&event, id, &change))) {
        if (is_one < 0)
            continue;
        MUST(strlen(id) < sizeof id);
        check_change(&change);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process_metrics_sum sum = {0};
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    redisReply reply = split(text, size);
    check_order(&reply);
    check_event(&reply);
    check_answers(&reply);
    process_metrics_add(&sum, &reply);
    free(text);
    return 0;
}
