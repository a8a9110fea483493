/* GET /healthz, /readyz, /status: how the system is. */
#include <string.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/stats_request.h"
#include "base/mem.h"
#include "order/store.h"

/* ---- /healthz: this process turns ----------------------------------------------------------- */

void get_healthz(struct req *r)
{
    static const char BODY[] = "{\"status\":\"ok\"}";
    reply_body(r, 200, "application/json", BODY, sizeof BODY - 1);
}

/* ---- /readyz: orders can be taken ----------------------------------------------------------- */

/* Both answers must be good; the first bad one answers the request. */
struct readiness {
    int pending;
};

static void not_ready(struct req *r, const char *reason)
{
    reply_unavailable(r, reason);
}

static void part_ready(struct req *r)
{
    struct readiness *ready = r->context;
    if (--ready->pending == 0)
        reply_body(r, 200, "application/json", "{\"status\":\"ready\"}", 18);
}

static int refuse_result(struct req *r, const struct rds_result *result)
{
    if (result->outcome == RDS_OK)
        return 0;
    not_ready(r, result->text);
    return 1;
}

static void on_persistence(struct req *r, const struct rds_result *result)
{
    if (refuse_result(r, result))
        return;
    const char *info = rds_str(result->reply);
    if (!info || strstr(info, "\nloading:1"))
        not_ready(r, "Redis is loading its data.");
    else if (!strstr(info, "\naof_enabled:1"))
        not_ready(r, "Redis does not persist: appendonly is off.");
    else if (!strstr(info, "\naof_last_write_status:ok"))
        not_ready(r, "Redis cannot write its append-only file.");
    else
        part_ready(r);
}

static void on_writable(struct req *r, const struct rds_result *result)
{
    if (rds_is_without_function(result) ||
        (result->outcome == RDS_OK && !store_library_version_ok(result->reply)))
        not_ready(r,
                  "The Redis function library is missing or of another version; run tiffin-load.");
    else if (!refuse_result(r, result))
        part_ready(r);
}

void get_readyz(struct req *r)
{
    if (!rds_is_up(api.rds)) {
        not_ready(r, rds_reason(api.rds));
        return;
    }
    struct readiness *ready = mem_calloc(1, sizeof *ready);
    ready->pending = 2;
    r->context = ready;
    req_ask(r, on_persistence, store_info, "persistence");
    struct op *writable = req_op(r, on_writable);
    req_sent(writable, store_ready(api.rds, req_on_reply, writable));
}

/* ---- /status -------------------------------------------------------------------------------- */

static void reply_status(struct req *r, const struct stats *f)
{
    reply_json(r, 200, stats_view(f));
}

void get_status(struct req *r)
{
    stats_for_request(r, reply_status);
}
