/* Publishes this process' figures (base/metrics.h) once a second, so that any API process can sum
 * them: live:{s00}:<process>, gone three seconds after the process is. */
#ifndef TIFFIN_ORDER_PROCESS_METRICS_H
#define TIFFIN_ORDER_PROCESS_METRICS_H

#include "base/metrics.h"

struct ev_loop;
struct rds;
struct redisReply;

/* Starts writing through r, until the process ends. `program` as in "api"; a process is
 * <program>-<host>-<pid>-<nonce>. */
void process_metrics_start(struct ev_loop *loop, struct rds *r, const char *program);

/* A sum over processes. */
struct process_metrics_sum {
    int64_t values[METRIC_COUNT];
    int64_t latency[LATENCY_BUCKETS];
    int64_t latency_sum_us;
};

/* Adds one process' hash (HGETALL) to the sum; an empty one adds nothing. */
void process_metrics_add(struct process_metrics_sum *sum, const struct redisReply *reply);

#endif
