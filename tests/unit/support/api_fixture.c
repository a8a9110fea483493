#include "tests/unit/support/api_fixture.h"

#include <ev.h>
#include <string.h>

#include "api/dispatch.h"
#include "api/handlers.h"
#include "api/live_status.h"
#include "api/sse.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "tests/unit/support/test.h"

#define START_MS 5000

int api_fixture_group_setup(void **state)
{
    (void)state;
    log_init("unit", LOG_ERROR);
    fake_clock_set(START_MS);
    api.loop = ev_loop_new(EVFLAG_AUTO);
    sse_start(api.loop);
    live_status_start(api.loop);
    return api.loop ? 0 : -1;
}

int api_fixture_group_teardown(void **state)
{
    (void)state;
    live_status_stop();
    ev_loop_destroy(api.loop);
    return 0;
}

int api_fixture_setup(void **state)
{
    (void)state;
    conf.request_timeout_ms = FIXTURE_TIMEOUT_MS;
    conf.origins = "";
    conf.broadcast_ms = 3000;
    conf.db_ms = 0;
    memset(metric_values, 0, sizeof metric_values);
    api.rds = rds_new(api.loop, &(struct rds_options){.client_name = "tiffin-api"});
    api.durable = api.rds;
    fake_rds_set_now(api.rds, FIXTURE_REDIS_MS);
    orders_start(api.loop);
    return 0;
}

int api_fixture_teardown(void **state)
{
    (void)state;
    rds_free(api.rds);
    replies_free();
    fake_fastcgi_release();
    orders_stop(api.loop);
    assert_int_equal(metric_values[M_SSE], 0);
    return 0;
}

struct conn *fixture_get(const char *path)
{
    struct conn *c = fake_fastcgi_request("GET", path, "");
    dispatch(c);
    return c;
}

struct conn *fixture_post(const char *path, const char *json)
{
    struct conn *c = fake_fastcgi_request("POST", path, "");
    fake_fastcgi_set_body(c, "application/json", json);
    dispatch(c);
    fixture_pass(0);
    return c;
}

void fixture_pass(int64_t ms)
{
    fake_clock_advance(api.loop, ms);
    ev_run(api.loop, EVRUN_NOWAIT); /* what was gathered meanwhile is sent */
}

void fixture_expect(const struct conn *c, int status, const char *text)
{
    assert_int_equal(fake_fastcgi_status(c), status);
    if (!strstr(fake_fastcgi_answer(c), text))
        fail_msg("not \"%s\" in %s", text, fake_fastcgi_answer(c));
}
