/* A worker without its main.c, on faked connections (fakes/fake_rds.h) and a faked clock
 * (fakes/fake_clock.h): for the tests of its parts. The steps of its jobs are only written down;
 * the test ends them. */
#ifndef TIFFIN_TESTS_SUPPORT_WORKER_FIXTURE_H
#define TIFFIN_TESTS_SUPPORT_WORKER_FIXTURE_H

#include "tests/unit/support/replies.h"
#include "worker/worker.h"

#define FIXTURE_ID "order_00abcdefghijklmnopqrst"
#define FIXTURE_TTL_MS 9000
#define FIXTURE_CONCURRENCY 20

/* What the runner did, since setup. */
struct fixture_seen {
    int n_steps;     /* steps that were run */
    struct job *job; /* of the latest of them */
    int n_delayed;   /* calls of on_delayed, and what the latest said */
    int64_t delay_ms;
};
extern struct fixture_seen fixture_seen;

/* A cmocka setup: *state is the struct worker. Redis is up, nothing was sent yet. */
int worker_fixture_setup(void **state);
int worker_fixture_teardown(void **state);

/* An answer of begin: the epoch is 7, `tries` failures of this step came before. */
redis_reply *fixture_begun(const char *step, int tries, const char *status,
                           const char *payment_key);
/* The turn ends: what was gathered is sent. */
void fixture_turn(void);
/* The turn ends, and the call of this name, begin_jobs or step_jobs of one job, is answered. */
void fixture_answer_job(const char *name, struct redisReply *about_job);
void fixture_fail_job(const char *name, enum rds_outcome outcome, const char *text);
/* FIXTURE_ID is claimed and begun: its step runs. Returns the job. */
struct job *fixture_job_at(struct worker *w, const char *step);

/* ---- with its intake started ----------------------------------------------------------------- */

#define FIXTURE_REDIS_MS INT64_C(1700000000000) /* what Redis' clock shows when it comes up */

int intake_fixture_setup(void **state);
int intake_fixture_teardown(void **state);

/* The heartbeat under way is answered: those of all workers have been steady for so long, and
 * Redis' clock shows this. */
void fixture_answer_beat(int64_t steady_ms, int64_t redis_ms);
/* Redis is up, the worker registered and reconciled; its first take is under way. */
void fixture_come_up(struct worker *w);
/* The same, and the take found nothing: it waits to be woken. */
void fixture_come_to_rest(struct worker *w);

#endif
