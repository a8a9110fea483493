/* POST /new-update-and-broadcast: a message for everyone on the chat feed, some seconds later. It
 * is a job like an order, so it survives a restart of any process. */
#include <json-c/json.h>
#include <string.h>

#include "api/handlers.h"
#include "api/placing.h"
#include "api/reply.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "order/store.h"

#define MESSAGE_MAX 500 /* characters */

struct new_update {
    struct placing placing; /* first */
    struct update_request request;
};

static void send_update(struct req *r, int64_t deadline_ms, struct op *op)
{
    struct new_update *u = r->context;
    u->request.deadline_ms = deadline_ms;
    req_sent(op, store_accept_update(api.durable, &u->request, req_on_reply, op));
}

static void reply_accepted(struct req *r, const char *id)
{
    struct json_object *body = json_object_new_object();
    json_object_object_add(body, "message", json_object_new_string("Update accepted"));
    json_object_object_add(body, "update_id", json_object_new_string(id));
    reply_json(r, 202, body);
}

static int refuse_update(struct req *r, enum place_outcome outcome)
{
    if (outcome != PLACE_FULL)
        return 0;
    reply_header(r, "Retry-After", "%d", 1 + conf.broadcast_ms / 1000);
    reply_problem(r, 429, "Too many updates are waiting to be broadcast", NULL);
    return 1;
}

void post_update(struct req *r)
{
    static const struct placing_kind UPDATE = {send_update, reply_accepted, refuse_update};
    struct new_update *u = mem_calloc(1, sizeof *u);
    const char *message = params_get(&r->params, "message");
    long characters = message ? utf8_length(message, strlen(message)) : 0;

    r->context = u;
    if (characters < 1 || characters > MESSAGE_MAX) {
        reply_problem(r, 422, "message must have 1 to 500 characters", NULL);
        return;
    }
    if (placing_refuse_key(r))
        return;
    u->request.idempotency_key = u->placing.key;
    /* One that can be broadcast, and forgotten, while its lost answer is asked for again. */
    if (!*u->placing.key && conf.broadcast_ms < conf.request_timeout_ms)
        u->request.idempotency_key = u->request.id;
    update_id_new(u->request.id);
    u->request.message = message;
    u->request.delay_ms = conf.broadcast_ms;
    placing_start(r, &UPDATE, u->request.id);
}
