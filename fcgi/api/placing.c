#include "api/placing.h"

#include <errno.h>
#include <string.h>

#include "api/memory.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"

#define REPEAT_MS 20
#define UNKNOWN \
    "The order store did not answer in time, so it is unknown whether this was stored. Repeating " \
    "it with the same Idempotency-Key is safe; without one it may be stored twice."

static void attempt(struct req *r);

/* draft-ietf-httpapi-idempotency-key-header makes it a string in double quotes (RFC 8941, 3.3.3),
 * as some browsers send it by themselves; most people write the bare key. */
static int copy_key(struct placing *p, const char *text)
{
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    if (n >= sizeof p->key)
        return -EINVAL;
    memcpy(p->key, text, n);
    p->key[n] = '\0';
    return text_is_key(p->key) ? 0 : -EINVAL;
}

int placing_refuse_key(struct req *r)
{
    int times = req_header_times(r, "IDEMPOTENCY_KEY");
    if (times == 0 || (times == 1 && !copy_key(r->context, req_header(r, "IDEMPOTENCY_KEY"))))
        return 0;
    reply_problem(r, 422, "Idempotency-Key must be 16 to 128 characters of A-Z a-z 0-9 _ -", "%s",
                  times > 1 ? "It was sent more than once; it is not known which one counts."
                            : "It is empty or has another form. Without one leave the header out.");
    return 1;
}

/* Late, by Redis' clock, although the request still waits: that clock was set forward since we last
 * asked. Nothing was stored, so it is tried again with a deadline by the clock as it is now, until
 * the request's own time is over. */
static void again_by_its_clock(struct req *r)
{
    struct placing *p = r->context;
    p->deadline_ms = 0;
    rds_ask_time(api.durable);
    req_wait(r, REPEAT_MS, attempt);
}

/* The outcome of a call after one whose outcome is unknown: does it say for certain how that one
 * ended? Only a call that has stored, and a key that is another request's. The rest was true when
 * it was looked at; the lost call may have come since, or may have come and gone. */
static int is_certain(const struct placing *p, enum place_outcome outcome)
{
    return !p->is_unknown || outcome == PLACE_DONE || outcome == PLACE_REPLAY ||
           outcome == PLACE_MISMATCH;
}

static void reply_outcome(struct req *r, enum place_outcome outcome, const char *id)
{
    const struct placing *p = r->context;
    if (outcome == PLACE_REPLAY && strcmp(id, p->id) == 0)
        outcome = PLACE_DONE; /* what is replayed is our own lost call */
    if (outcome == PLACE_REPLAY) {
        metric_add(M_REPLAYS, 1);
        reply_header(r, "Idempotency-Replayed", "true");
    }
    if (outcome == PLACE_DONE || outcome == PLACE_REPLAY)
        p->kind->reply(r, id);
    else if (outcome == PLACE_MISMATCH)
        reply_problem(r, 422, "This Idempotency-Key was used for another request", NULL);
    else if (!p->kind->refuse(r, outcome))
        reply_problem(r, 500, "Internal error", NULL);
}

static void on_answer(struct req *r, const struct rds_result *result)
{
    enum place_outcome outcome;
    char id[ORDER_ID_SIZE] = "";
    if (store_place_parse(result->reply, &outcome, id)) {
        log_error("Redis answered %s with something unknown", r->route->pattern);
        reply_problem(r, 500, "Internal error", UNKNOWN);
    } else if (outcome == PLACE_LATE) {
        again_by_its_clock(r);
    } else if (!is_certain(r->context, outcome)) {
        placing_deadline(r);
    } else {
        reply_outcome(r, outcome, id);
    }
}

static void on_written(struct req *r, const struct rds_result *result)
{
    struct placing *p = r->context;
    p->is_under_way = 0;
    p->is_unknown |= rds_is_unknown(result);
    if (result->outcome == RDS_OK) {
        on_answer(r, result);
    } else if (result->outcome == RDS_UNSENT || (p->is_unknown && rds_is_unavailable(result))) {
        req_wait(r, REPEAT_MS, attempt);
    } else if (p->is_unknown) {
        log_error("Redis refused a command of %s: %s", r->route->pattern, result->text);
        reply_problem(r, 500, "Internal error", UNKNOWN);
    } else {
        (void)reply_redis_failure(r, result, "Nothing was stored.");
    }
}

static void attempt(struct req *r)
{
    struct placing *p = r->context;
    if (!rds_is_up(api.durable)) {
        req_wait(r, REPEAT_MS, attempt);
        return;
    }
    if (!p->deadline_ms)
        p->deadline_ms = rds_now_ms(api.durable) + conf.request_timeout_ms -
                         (clock_mono_us() - r->started_us) / 1000;
    p->is_under_way = 1;
    p->kind->send(r, p->deadline_ms, req_op(r, on_written));
}

void placing_start(struct req *r, const struct placing_kind *kind, const char *id)
{
    struct placing *p = r->context;
    p->kind = kind;
    p->id = id;
    if (memory_is_full())
        reply_unavailable(r, "The order store is nearly full. Nothing was stored.");
    else
        attempt(r);
}

void placing_deadline(struct req *r)
{
    const struct placing *p = r->context;
    if (p->is_unknown || p->is_under_way)
        reply_unavailable(r, UNKNOWN);
    else
        reply_unavailable(r, "The order store does not answer. Nothing was stored.");
}
