/* Settings: environment variables TIFFIN_…, read once at start into `conf`, read-only afterwards.
 * One table (conf.c) gives name, unit, default, bounds and meaning, and prints --help and the table
 * in fcgi/stack/README.md. A bad value stops the start with one clear line. */
#ifndef TIFFIN_BASE_CONF_H
#define TIFFIN_BASE_CONF_H

#include <stdio.h>

struct conf {
    /* where things are */
    const char *run_dir;
    const char *redis;       /* path of a unix socket, or host:port */
    const char *secrets_dir; /* one file a Redis user, holding its password */
    const char *api_listen;  /* unix path or host:port; %d = the child's number */
    const char *ws_listen;   /* unix path or host:port */
    const char *log_level;

    /* sizes */
    int port;
    int api_processes; /* 0 = one a core */
    int workers;
    int worker_concurrency;
    int bridges;

    /* simulated waits, ms */
    int db_ms, menu_ms, reviews_ms;
    int payment_ms, kitchen_ms, stage_min_ms, stage_max_ms, broadcast_ms;

    /* fault injection into the payment gateway, per cent */
    int payment_decline_pct, payment_error_pct, payment_timeout_pct, payment_lost_reply_pct;

    /* time limits */
    int redis_timeout_ms;
    int redis_acks, redis_acks_ms;
    int request_timeout_ms;
    int worker_ttl_ms;
    int drain_ms;
    int retention_days;
    int queue_age_s;

    /* the support chat's rules */
    int chat_max_bytes, chat_rate, chat_burst, chat_queue_bytes, chat_announce;
    int chat_bytes_rate, chat_bytes_burst, chat_room_rate;
    int chat_ping_ms, chat_pong_ms;
    const char *chat_origins, *origins;

    /* nginx and Redis, read by the scripts that start them */
    int rate, rate_burst, order_rate, order_burst, streams_per_client, limit_loopback;
    int access_log, up_timeout_s, bench;
    int public_port, tls_port, tls_public_port, hsts_s;
    const char *hosts, *trusted_proxies;
    const char *tls_cert, *tls_key;
    const char *metrics_allow;
    const char *redis_maxmemory;
};

extern struct conf conf;

/* Reads every setting from the environment into `conf`. 0, or -EINVAL with a one-line message in
 * `error` (at least 256 bytes) that names the setting, its value and what it may be. */
int conf_load(char *error, size_t error_size);

/* Prints the table: aligned (--help), or as Markdown for fcgi/stack/README.md (--settings). */
void conf_print_help(FILE *out);
void conf_print_markdown(FILE *out);

/* Is the program that runs with these settings well? Called in a process of its own, which may
 * block for some seconds. 0; else -errno and why, in one line. */
typedef int (*conf_health_fn)(char *why, size_t size);

/* The options every program has. Handles --help, --version, --settings, --check (exit 0, or 1 with
 * the message of conf_load) and --health (exit 0, or 1 with what `health` says), loads the settings
 * and starts the log. Exits on any other argument. `summary` is one sentence for --help. */
void conf_main(int argc, char **argv, const char *program, const char *summary,
               conf_health_fn health);

/* Reads the password of a Redis user from secrets_dir into `out`, without its newline.
 * 0 or -errno. */
int conf_secret(const char *user, char *out, size_t size);

#endif
