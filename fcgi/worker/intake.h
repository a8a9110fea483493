/* Where jobs come in: registers the worker, keeps its lease by heartbeats, claims jobs when there
 * is room, and adopts orphaned jobs: those that a lost answer left in its active list. */
#ifndef TIFFIN_WORKER_INTAKE_H
#define TIFFIN_WORKER_INTAKE_H

#include <ev.h>
#include <stdint.h>

#include "worker/pulse.h"
#include "worker/redis_clock.h"

struct rds;
struct rds_cmd;
struct worker;

struct intake {
    struct rds *waker; /* its own connection: it blocks until the ready list has something */
    /* On their way to Redis, or NULL. Never two of a kind. */
    struct rds_cmd *heartbeat, *take, *reconciliation, *wait;

    struct pulse pulse;
    struct redis_clock redis_clock;
    int64_t lease_until_ms; /* by Redis' clock: our latest heartbeat holds so long; 0 = none yet */
    unsigned lease;         /* counts the leases that did not follow on each other */
    int is_registered;      /* on this connection */
    int is_reconciled;      /* on this connection: our active list holds no job unknown here */
    int is_stopped;         /* no new jobs any more */
    int is_refused;         /* Redis answered with an error, and that was logged */

    int may_have_more; /* the queue may hold a job that can be taken now */
    int n_asked;       /* of the take on its way */
    int was_woken;     /* by the waker since the last take */
    double backoff_s;  /* how long the waker pauses after a wake-up without a job; 0 = not at all */

    ev_timer heartbeat_timer;
    ev_timer poll_timer;
    ev_timer reconcile_timer;
    ev_timer due_timer; /* the next delayed job */
    ev_timer backoff_timer;
};

/* Starts the timers and the waker's connection. Jobs are claimed once intake_on_redis() has said
 * that Redis is up. */
void intake_start(struct worker *w);
/* The connection for commands (w->rds) came up or went down. */
void intake_on_redis(struct worker *w, int is_up);
/* To be called once in each turn of the loop: sends a take, or waits to be woken, if that is the
 * thing to do now. */
void intake_turn(struct worker *w);
/* One of our jobs was delayed by so much: it can be taken then. */
void intake_due_in(struct worker *w, int64_t ms);

/* No new jobs; the heartbeat goes on. */
void intake_stop(struct worker *w);
/* No heartbeat either. */
void intake_end(struct worker *w);

#endif
