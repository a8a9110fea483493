#include "tests/unit/support/worker_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/where.h"
#include "tests/unit/fakes/fake_clock.h"
#include "tests/unit/fakes/fake_rds.h"
#include "tests/unit/support/test.h"

#define START_MS 5000

struct fixture_seen fixture_seen;
static struct worker *the_worker; /* of the test */

static void see_step(struct job *job)
{
    fixture_seen.n_steps++;
    fixture_seen.job = job;
    job_set_state(job, JOB_CALLING);
}

static void see_delay(struct worker *w, int64_t ms)
{
    (void)w;
    fixture_seen.n_delayed++;
    fixture_seen.delay_ms = ms;
}

static const job_step_fn STEPS[STEP_COUNT] = {see_step, see_step, see_step, see_step,
                                              see_step, see_step, see_step, see_step};

int worker_fixture_setup(void **state)
{
    static struct worker worker;
    struct worker *w = &worker;
    log_init("unit", LOG_ERROR);
    fake_clock_set(START_MS);
    fixture_seen = (struct fixture_seen){0};
    conf.worker_ttl_ms = FIXTURE_TTL_MS;
    conf.worker_concurrency = FIXTURE_CONCURRENCY;
    conf.redis = "./redis.sock";
    conf.redis_timeout_ms = 1000;
    conf.request_timeout_ms = 2000;
    conf.retention_days = 30;
    *w = (struct worker){.runner = {.steps = STEPS, .on_delayed = see_delay}};
    snprintf(w->id, sizeof w->id, "kitchen-1-42-abcdefghijklmno");
    w->loop = ev_loop_new(EVFLAG_AUTO);
    jobs_init(&w->jobs, w, FIXTURE_CONCURRENCY);
    w->rds = rds_new(w->loop, &(struct rds_options){.client_name = "tiffin-worker"});
    w->durable = w->rds;
    outbox_init(w);
    *state = the_worker = w;
    return w->loop ? 0 : -1;
}

int worker_fixture_teardown(void **state)
{
    struct worker *w = *state;
    jobs_release(&w->jobs);
    rds_free(w->rds);
    outbox_release(w);
    where_stop();
    ev_loop_destroy(w->loop);
    replies_free();
    return 0;
}

redis_reply *fixture_begun(const char *step, int tries, const char *status, const char *payment_key)
{
    return reply_array(8, reply_text("begun"), reply_int(7), reply_text(step), reply_int(tries),
                       reply_text(status), reply_int(1299), reply_text("EUR"),
                       reply_text(payment_key));
}

void fixture_turn(void)
{
    outbox_turn(the_worker);
}

void fixture_answer_job(const char *name, struct redisReply *about_job)
{
    fixture_turn();
    fake_rds_answer(name, reply_array(1, about_job));
}

void fixture_fail_job(const char *name, enum rds_outcome outcome, const char *text)
{
    fixture_turn();
    fake_rds_fail(name, outcome, text);
}

struct job *fixture_job_at(struct worker *w, const char *step)
{
    runner_claimed(w, FIXTURE_ID);
    fixture_answer_job("begin_jobs", fixture_begun(step, 0, "placed", "pay_durable"));
    struct job *job = jobs_find(&w->jobs, FIXTURE_ID);
    assert_non_null(job);
    return job;
}

/* ---- with its intake started ----------------------------------------------------------------- */

int intake_fixture_setup(void **state)
{
    int err = worker_fixture_setup(state);
    if (!err)
        intake_start(*state);
    return err;
}

int intake_fixture_teardown(void **state)
{
    intake_end(*state);
    return worker_fixture_teardown(state);
}

void fixture_answer_beat(int64_t steady_ms, int64_t redis_ms)
{
    fake_rds_answer("beat",
                    reply_array(3, reply_text("ok"), reply_int(steady_ms), reply_int(redis_ms)));
}

void fixture_come_up(struct worker *w)
{
    intake_on_redis(w, 1);
    fixture_answer_beat(0, FIXTURE_REDIS_MS);
    fake_rds_answer("active", reply_array(0));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("claim"), 1);
}

void fixture_come_to_rest(struct worker *w)
{
    fixture_come_up(w);
    fake_rds_answer("claim", reply_array(1, reply_int(-1)));
    intake_turn(w);
    assert_int_equal(fake_rds_waiting("BLMOVE"), 1);
    assert_int_equal(fake_rds_waiting("claim"), 0);
}
