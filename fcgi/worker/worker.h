/* What the parts of this program share. One worker a process; main.c makes it.
 *
 *   intake ---> runner ---> payment, kitchen, stage, broadcast      reaper      shutdown
 *   claims      one job,    what each step does (steps.c)           requeues    gives back
 *   jobs        step by step   |                                    of the dead at the end
 *                 |            +--> payment_gateway
 *                 +--> outbox: begins and steps of several jobs in one call; share: how many calls
 *   pulse, redis_clock: when heartbeats and Redis' clock can be trusted. retention: what expires */
#ifndef TIFFIN_WORKER_WORKER_H
#define TIFFIN_WORKER_WORKER_H

#include <stddef.h>

#include "order/store.h"
#include "worker/intake.h"
#include "worker/job.h"
#include "worker/outbox.h"
#include "worker/reaper.h"
#include "worker/retention.h"
#include "worker/runner.h"
#include "worker/share.h"
#include "worker/shutdown.h"

#define WORKER_ID_SIZE 65
#define WORKER_HOST_SIZE 256

struct worker {
    struct ev_loop *loop;
    char id[WORKER_ID_SIZE]; /* new at each start: no worker inherits the jobs of another */
    struct rds *rds;         /* for all commands about jobs, so that their answers come in order */
    struct rds *durable;     /* for begins: replicas have their payment keys; or the same as rds */
    struct payment_gateway *gateway;
    struct jobs jobs;
    size_t n_unsure; /* jobs dropped from memory, outcome unknown, until the next reconciliation */
    struct outbox outbox;
    struct share share;
    struct runner runner;
    struct intake intake;
    struct reaper reaper;
    struct shutdown shutdown;
    struct retention retention;
};

/* <host>-<pid>-<random>, of [a-z0-9-] and at most 64 characters. */
void worker_id_new(char out[WORKER_ID_SIZE], const char *host, long pid);

/* The part before the pid, with its dash: what the workers of one host have in common. */
void worker_id_host(char out[WORKER_ID_SIZE], const char *host);

/* The ids in a list that Redis answered with, at most STORE_BATCH_MAX of them; other elements are
 * left out. They live as long as the reply. Returns how many. */
size_t worker_batch(const struct redisReply *reply, const char *ret_ids[STORE_BATCH_MAX]);

#endif
