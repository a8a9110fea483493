#include "base/metrics.h"

#include <math.h>

#define FIRST_BOUND_US 250.0

int64_t metric_values[METRIC_COUNT];
int64_t latency_counts[LATENCY_BUCKETS];
int64_t latency_sum_us;

static const struct {
    const char *name, *type, *help;
} TABLE[] = {
#define METRIC_ROW(id, name, type, help) [id] = {name, type, help},
    METRICS(METRIC_ROW)
#undef METRIC_ROW
};

const char *metric_name(enum metric m)
{
    return TABLE[m].name;
}

const char *metric_type(enum metric m)
{
    return TABLE[m].type;
}

const char *metric_help(enum metric m)
{
    return TABLE[m].help;
}

int64_t latency_bound_us(int bucket)
{
    static int64_t bounds[LATENCY_BUCKETS];
    if (!bounds[0]) {
        for (int i = 0; i < LATENCY_BUCKETS - 1; i++)
            bounds[i] = (int64_t)lround(FIRST_BOUND_US * pow(2, i / 2.0));
        bounds[LATENCY_BUCKETS - 1] = INT64_MAX;
    }
    return bounds[bucket];
}

void latency_record(int64_t us)
{
    int bucket = 0;
    while (latency_bound_us(bucket) < us)
        bucket++;
    latency_counts[bucket]++;
    latency_sum_us += us;
}

double latency_quantile_ms(const int64_t counts[LATENCY_BUCKETS], double q)
{
    int64_t total = 0, seen = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        total += counts[i];
    if (!total)
        return 0;
    int bucket = 0;
    for (; bucket < LATENCY_BUCKETS - 2; bucket++) {
        seen += counts[bucket];
        if ((double)seen >= q * (double)total)
            break;
    }
    return (double)latency_bound_us(bucket) / 1000;
}
