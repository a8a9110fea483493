#include "api/placing.h"

#include <string.h>

#include "api/reply.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"

#define REPEAT_MS 20

static void attempt(struct req *r);

int placing_refuse_key(struct req *r, const char **ret_key)
{
    *ret_key = req_header(r, "IDEMPOTENCY_KEY");
    if (!**ret_key || text_is_key(*ret_key))
        return 0;
    reply_problem(r, 422, "Idempotency-Key must be 16 to 128 characters of A-Z a-z 0-9 _ -", NULL);
    return 1;
}

static void on_written(struct req *r, const struct rds_result *result)
{
    struct placing *p = r->context;
    enum place_outcome outcome;
    char id[ORDER_ID_SIZE] = "";

    if (rds_is_unknown(result) || result->outcome == RDS_UNSENT) {
        p->is_unknown |= rds_is_unknown(result);
        req_wait(r, REPEAT_MS, attempt);
        return;
    }
    if (reply_redis_failure(r, result))
        return;
    if (store_place_parse(result->reply, &outcome, id)) {
        log_error("Redis answered %s with something unknown", r->route->pattern);
        reply_problem(r, 500, "Internal error", NULL);
    } else if (outcome == PLACE_LATE) {
        placing_deadline(r);
    } else {
        p->on_outcome(r, outcome, id);
    }
}

static void attempt(struct req *r)
{
    struct placing *p = r->context;
    if (!rds_is_up(api.rds)) {
        req_wait(r, REPEAT_MS, attempt);
        return;
    }
    if (!p->deadline_ms)
        p->deadline_ms = rds_now_ms(api.rds) + conf.request_timeout_ms -
                         (clock_mono_us() - r->started_us) / 1000;
    struct op *op = req_op(r, on_written);
    op->cmd = p->send(p, req_on_reply, op);
}

void placing_start(struct req *r)
{
    if (api.is_full)
        reply_unavailable(r, "The order store is nearly full. Nothing was stored.");
    else
        attempt(r);
}

void placing_deadline(struct req *r)
{
    const struct placing *p = r->context;
    if (p->is_unknown)
        reply_unavailable(r, "The order store did not answer in time, so it is unknown whether "
                             "this was stored. Repeating it with the same Idempotency-Key is "
                             "safe.");
    else
        reply_unavailable(r, "The order store does not answer. Nothing was stored.");
}
