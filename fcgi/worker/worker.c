#include "worker/worker.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

#define HOST_CHARACTERS 28 /* 28 + 1 + 19 + 1 + 15 = 64, for any pid */
#define RANDOM_CHARACTERS 15

void worker_id_host(char out[WORKER_ID_SIZE], const char *host)
{
    char name[HOST_CHARACTERS + 1];
    size_t n = 0;
    for (; n < HOST_CHARACTERS && host[n]; n++) {
        int c = tolower((unsigned char)host[n]);
        name[n] = (char)((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-');
    }
    name[n] = '\0';
    snprintf(out, WORKER_ID_SIZE, "%s-", n ? name : "host");
}

void worker_id_new(char out[WORKER_ID_SIZE], const char *host, long pid)
{
    char random[RANDOM_CHARACTERS + 1];
    worker_id_host(out, host);
    random_base32(random, RANDOM_CHARACTERS);
    size_t n = strlen(out);
    snprintf(out + n, WORKER_ID_SIZE - n, "%ld-%s", pid, random);
}

size_t worker_batch(const struct redisReply *reply, const char *ret_ids[STORE_BATCH_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < rds_len(reply) && n < STORE_BATCH_MAX; i++) {
        const char *id = rds_str(rds_at(reply, i));
        if (id)
            ret_ids[n++] = id;
    }
    return n;
}
