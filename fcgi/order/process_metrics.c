#include "order/process_metrics.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/host.h"
#include "base/random.h"
#include "base/rds.h"
#include "base/text.h"
#include "order/store.h"

#define PERIOD_S 1.0
#define FIELD_LATENCY_SUM "latency_sum_us"
#define FIELD_LATENCY_PREFIX "le" /* le0 … le33: the latency buckets */

/* Fields and values of one write: every metric, every bucket, the sum. */
#define FIGURES (METRIC_COUNT + LATENCY_BUCKETS + 1)

static struct rds *connection;
static char process_name[96];
static ev_timer timer;

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
    char values[FIGURES][24], buckets[LATENCY_BUCKETS][8];
    const char *figures[2 * FIGURES];
    size_t n = 0, v = 0;

    if (!rds_is_up(connection))
        return;
    for (int m = 0; m < METRIC_COUNT; m++) {
        snprintf(values[v], sizeof values[v], "%lld", (long long)metric_values[m]);
        figures[n++] = metric_name((enum metric)m);
        figures[n++] = values[v++];
    }
    for (int b = 0; b < LATENCY_BUCKETS; b++) {
        if (!latency_counts[b])
            continue;
        snprintf(buckets[b], sizeof buckets[b], FIELD_LATENCY_PREFIX "%d", b);
        snprintf(values[v], sizeof values[v], "%lld", (long long)latency_counts[b]);
        figures[n++] = buckets[b];
        figures[n++] = values[v++];
    }
    snprintf(values[v], sizeof values[v], "%lld", (long long)latency_sum_us);
    figures[n++] = FIELD_LATENCY_SUM;
    figures[n++] = values[v];
    store_process_metrics_write(connection, process_name, n, figures);
}

void process_metrics_start(struct ev_loop *loop, struct rds *r, const char *program)
{
    char host[48], nonce[9];
    host_name(host, sizeof host);
    connection = r;
    /* A restarted container reuses host name and pid: without a nonce it would write into the key
     * of the process before. */
    random_base32(nonce, sizeof nonce - 1);
    snprintf(process_name, sizeof process_name, "%s-%s-%d-%s", program, host, (int)getpid(), nonce);
    ev_timer_init(&timer, on_tick, 0., PERIOD_S);
    ev_timer_start(loop, &timer);
}

/* The latency bucket that a field names; -1 when it names none. */
static int bucket_of(const char *field)
{
    size_t prefix = sizeof FIELD_LATENCY_PREFIX - 1;
    if (strncmp(field, FIELD_LATENCY_PREFIX, prefix) != 0)
        return -1;
    size_t digits = strspn(field + prefix, "0123456789");
    if (digits < 1 || digits > 2 || field[prefix + digits])
        return -1;
    int64_t bucket = text_to_int_or(field + prefix, -1);
    return bucket < LATENCY_BUCKETS ? (int)bucket : -1;
}

void process_metrics_add(struct process_metrics_sum *sum, const struct redisReply *reply)
{
    for (size_t i = 0; i + 1 < rds_len(reply); i += 2) {
        const char *field = rds_str(rds_at(reply, i));
        int64_t value;
        if (!field || rds_int(rds_at(reply, i + 1), &value))
            continue;
        if (strcmp(field, FIELD_LATENCY_SUM) == 0) {
            sum->latency_sum_us += value;
        } else if (bucket_of(field) >= 0) {
            sum->latency[bucket_of(field)] += value;
        } else {
            for (int m = 0; m < METRIC_COUNT; m++)
                if (strcmp(field, metric_name((enum metric)m)) == 0)
                    sum->values[m] += value;
        }
    }
}
