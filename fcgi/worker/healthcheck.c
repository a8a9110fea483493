#include "worker/healthcheck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/host.h"
#include "base/rds_sync.h"
#include "order/heartbeat.h"
#include "worker/worker.h"

#define PASSWORD_SIZE 128

int healthcheck_worker(char *why, size_t size)
{
    char host[WORKER_HOST_SIZE], prefix[WORKER_ID_SIZE], password[PASSWORD_SIZE];
    struct rds_sync *redis;
    int err = conf_secret("worker", password, sizeof password);
    if (err) {
        snprintf(why, size, "no password in %s: %s", conf.secrets_dir, strerror(-err));
        return err;
    }
    struct rds_sync_options options = {
        .address = conf.redis, .user = "worker", .password = password};
    err = rds_sync_open(&options, &redis, why, size);
    explicit_bzero(password, sizeof password);
    if (err)
        return err;
    host_name(host, sizeof host);
    worker_id_host(prefix, host);
    err = heartbeat_of_workers(redis, prefix);
    if (err == -ENOENT)
        snprintf(why, size, "no worker of this host has sent a heartbeat in the last %d ms",
                 conf.worker_ttl_ms);
    else if (err)
        snprintf(why, size, "Redis: %s", rds_sync_error(redis));
    rds_sync_close(redis);
    return err;
}
