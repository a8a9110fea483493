/* What this process counts. One table names every counter; once a second order/process_metrics.c
 * writes all of them to Redis, where readers (status, monitor, /metrics) sum over the processes.
 *
 * A gauge is a present number (open streams), a counter only rises. Latencies go into buckets
 * whose bounds grow by the square root of two: a quantile is never told too low, and at most 41 %
 * too high. */
#ifndef TIFFIN_BASE_METRICS_H
#define TIFFIN_BASE_METRICS_H

#include <stdint.h>

/*  id, name in Redis and (with prefix tiffin_) in /metrics, type, help */
#define METRICS(X) \
    X(M_REQUESTS, "requests_total", "counter", "Requests answered by the API.") \
    X(M_REQUESTS_4XX, "requests_client_error_total", "counter", "Answers 400 to 499.") \
    X(M_REQUESTS_5XX, "requests_server_error_total", "counter", "Answers 500 to 599.") \
    X(M_REQUESTS_ABORTED, "requests_aborted_total", "counter", "Clients that hung up first.") \
    X(M_REPLAYS, "idempotent_replays_total", "counter", "Answers repeated for a known key.") \
    X(M_SSE, "sse_streams", "gauge", "Open event streams.") \
    X(M_SSE_EVENTS, "sse_events_total", "counter", "Events handed to streams.") \
    X(M_SSE_COALESCED, "sse_coalesced_total", "counter", "Times a slow stream skipped to now.") \
    X(M_WS, "ws_clients", "gauge", "Open chat connections.") \
    X(M_CHAT, "chat_messages_total", "counter", "Chat messages and updates published.") \
    X(M_STEPS, "job_steps_total", "counter", "Job steps done.") \
    X(M_RETRIES, "job_retries_total", "counter", "Job steps to be tried again.") \
    X(M_DEAD, "jobs_dead_total", "counter", "Jobs given up (needs_review).") \
    X(M_REAPED, "jobs_reaped_total", "counter", "Jobs taken back from dead workers.") \
    X(M_FENCED, "fenced_writes_total", "counter", "Late writes that were refused.") \
    X(M_ADOPTED, "jobs_adopted_total", "counter", "Jobs found after a lost reply.") \
    X(M_CHARGES, "gateway_requests_total", "counter", "Charges asked of the gateway.") \
    X(M_CAPTURES, "gateway_captures_total", "counter", "Charges it said it has captured.") \
    X(M_HELD, "jobs_held", "gauge", "Jobs in this worker's hands.")

enum metric {
#define METRIC_ID(id, name, type, help) id,
    METRICS(METRIC_ID)
#undef METRIC_ID
        METRIC_COUNT
};

/* Upper bounds: 0.25 ms, then times the square root of two, to 16.4 s; the last is open. */
#define LATENCY_BUCKETS 34

extern int64_t metric_values[METRIC_COUNT];
extern int64_t latency_counts[LATENCY_BUCKETS];
extern int64_t latency_sum_us;

static inline void metric_add(enum metric m, int64_t n)
{
    metric_values[m] += n;
}

const char *metric_name(enum metric m);
const char *metric_type(enum metric m);
const char *metric_help(enum metric m);

/* Counts one request's time. */
void latency_record(int64_t us);
/* The bucket's upper bound in microseconds; INT64_MAX for the last. */
int64_t latency_bound_us(int bucket);
/* The q-quantile (0..1) of bucket counts in ms: the bound of the bucket it falls in; 0 if empty. */
double latency_quantile_ms(const int64_t counts[LATENCY_BUCKETS], double q);

#endif
