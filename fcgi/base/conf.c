#include "base/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/redis_address.h"
#include "base/version.h"

struct conf conf;

enum kind { INTEGER, TEXT };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct conf */
    const char *fallback;
    int min, max; /* of an INTEGER */
    const char *unit;
    const char *meaning;
};

#define INT(name, field, fallback, min, max, unit, meaning) \
    { \
        "TIFFIN_" name, INTEGER, offsetof(struct conf, field), fallback, min, max, unit, meaning \
    }
#define STR(name, field, fallback, meaning) \
    { \
        "TIFFIN_" name, TEXT, offsetof(struct conf, field), fallback, 0, 0, "", meaning \
    }

/* In the order readers look for them. A %R in a default stands for the run directory. */
static const struct setting SETTINGS[] = {
    INT("PORT", port, "8000", 1, 65535, "", "where nginx listens"),
    STR("RUN_DIR", run_dir, ".run", "sockets, pids, logs, secrets and Redis' data"),
    INT("API_PROCESSES", api_processes, "0", 0, 64, "", "size of the API pool; 0 = one a core"),
    INT("WORKERS", workers, "1", 0, 64, "", "worker processes started by `make up`"),
    INT("WORKER_CONCURRENCY", worker_concurrency, "1000", 1, 10000, "jobs",
        "how many jobs one worker holds at once"),
    INT("BRIDGES", bridges, "1", 0, 16, "", "chat bridges started by `make up`"),

    INT("DB_MS", db_ms, "500", 0, 60000, "ms", "simulated wait: a restaurant's row"),
    INT("MENU_MS", menu_ms, "1000", 0, 60000, "ms", "simulated wait: its menu"),
    INT("REVIEWS_MS", reviews_ms, "1500", 0, 60000, "ms", "simulated wait: its reviews"),
    INT("PAYMENT_MS", payment_ms, "2000", 0, 60000, "ms", "simulated wait: the payment gateway"),
    INT("KITCHEN_MS", kitchen_ms, "1000", 0, 60000, "ms", "simulated wait: telling the kitchen"),
    INT("STAGE_MIN_MS", stage_min_ms, "2000", 0, 3600000, "ms", "shortest wait before a stage"),
    INT("STAGE_MAX_MS", stage_max_ms, "4000", 0, 3600000, "ms", "longest wait before a stage"),
    INT("BROADCAST_MS", broadcast_ms, "3000", 0, 3600000, "ms", "from an update to its broadcast"),

    INT("PAYMENT_DECLINE_PCT", payment_decline_pct, "0", 0, 100, "%",
        "fault injection: charges that are declined"),
    INT("PAYMENT_ERROR_PCT", payment_error_pct, "0", 0, 100, "%",
        "fault injection: charges that fail"),
    INT("PAYMENT_TIMEOUT_PCT", payment_timeout_pct, "0", 0, 100, "%",
        "fault injection: charges that never reach the gateway"),
    INT("PAYMENT_LOST_REPLY_PCT", payment_lost_reply_pct, "0", 0, 100, "%",
        "fault injection: charges that are made, their answer lost"),

    INT("REDIS_TIMEOUT_MS", redis_timeout_ms, "1200", 50, 60000, "ms",
        "a Redis command without an answer: the connection is given up"),
    INT("REQUEST_TIMEOUT_MS", request_timeout_ms, "1800", 100, 60000, "ms",
        "a request without an answer, its simulated waits not counted: 503"),
    INT("WORKER_TTL_MS", worker_ttl_ms, "10000", 300, 600000, "ms",
        "the lease of a worker: without a heartbeat for so long it is dead"),
    INT("DRAIN_MS", drain_ms, "5000", 0, 600000, "ms", "how long a process that stops may drain"),
    INT("RETENTION_DAYS", retention_days, "30", 1, 3650, "days",
        "how long a settled order is kept"),
    INT("QUEUE_AGE_S", queue_age_s, "0", 0, 86400, "s",
        "the oldest order that waits for a worker; over it a new one gets 503; 0 = any age"),

    INT("CHAT_MAX_BYTES", chat_max_bytes, "4096", 1, 16777216, "bytes",
        "the longest chat message; over it: closed 1009"),
    INT("CHAT_RATE", chat_rate, "10", 0, 1000000, "messages/s",
        "said by one client address; over it: closed 1008; 0 = no limit, of bytes neither"),
    INT("CHAT_BURST", chat_burst, "20", 1, 1000000, "messages", "that it may send at once"),
    INT("CHAT_BYTES_RATE", chat_bytes_rate, "8192", 0, 1000000000, "bytes/s",
        "sent to the chat by one client address; over it: closed 1008; 0 = no limit"),
    INT("CHAT_BYTES_BURST", chat_bytes_burst, "65536", 1, 1000000000, "bytes",
        "that it may send at once; never less than two of the longest messages"),
    INT("CHAT_ROOM_RATE", chat_room_rate, "262144", 0, 1000000000, "bytes/s",
        "said by all clients of one bridge; over it: busy, or closed 1013; 0 = no limit"),
    INT("CHAT_QUEUE_BYTES", chat_queue_bytes, "262144", 1024, 1073741824, "bytes",
        "waiting for a chat client that is slow; over it: closed 1013"),
    INT("CHAT_ANNOUNCE", chat_announce, "1", 0, 1, "", "0: the chat has no join and leave lines"),
    STR("CHAT_ORIGINS", chat_origins, "",
        "web origins, separated by spaces, whose pages may join the chat besides our own; * = all"),
    INT("CHAT_PING_MS", chat_ping_ms, "25000", 10, 3600000, "ms",
        "between two pings to a chat client"),
    INT("CHAT_PONG_MS", chat_pong_ms, "8000", 10, 3600000, "ms",
        "a chat client that answers no ping for so long is gone"),

    INT("PUBLIC_PORT", public_port, "0", 0, 65535, "",
        "TIFFIN_PORT as browsers see it, where it is mapped to another; 0 = the same"),
    STR("HOSTS", hosts, "",
        "names, separated by spaces, under which browsers ask for us, *.name for all below it; "
        "localhost, this machine's name and addresses in digits always pass; others get 421; "
        "* = any name, which lets any page in (DNS rebinding)"),
    STR("TRUSTED_PROXIES", trusted_proxies, "",
        "addresses or networks, separated by spaces, of the proxies before us, whose "
        "X-Forwarded-For says who the client is"),
    INT("TLS_PORT", tls_port, "0", 0, 65535, "",
        "where nginx listens with TLS 1.3 and HTTP/2; 0 = nowhere"),
    STR("TLS_CERT", tls_cert, "", "the certificate and its chain, a PEM file"),
    STR("TLS_KEY", tls_key, "", "its key, a PEM file that nginx' user can read"),
    INT("TLS_PUBLIC_PORT", tls_public_port, "0", 0, 65535, "",
        "that port as browsers see it, where it is mapped to another; 0 = the same"),

    INT("HSTS_S", hsts_s, "-1", -1, 2000000000, "s",
        "for so long browsers keep to TLS on every port of our name; 0 = not told; -1 = a year if "
        "they see TLS on 443 and the plain port on 80, else not told"),

    INT("RATE", rate, "50", 0, 1000000, "requests/s", "limit of one client address; 0 = none"),
    INT("RATE_BURST", rate_burst, "100", 0, 1000000, "requests", "burst above the rate"),
    INT("ORDER_RATE", order_rate, "30", 0, 1000000, "requests/min",
        "limit of one client address for orders and updates; 0 = none but TIFFIN_RATE"),
    INT("ORDER_BURST", order_burst, "20", 0, 1000000, "requests", "burst above that rate"),
    INT("STREAMS_PER_CLIENT", streams_per_client, "64", 1, 65535, "streams",
        "open streams of one client address"),
    INT("LIMIT_LOOPBACK", limit_loopback, "0", 0, 1, "", "1: the limits hold for loopback too"),
    INT("ACCESS_LOG", access_log, "1", 0, 1, "", "0: nginx logs no requests"),
    INT("UP_TIMEOUT_S", up_timeout_s, "20", 1, 3600, "s",
        "how long `make up` waits for the stack to be ready"),
    INT("BENCH", bench, "0", 0, 1, "", "1: nginx answers /bench/ok, to measure against"),
    STR("ORIGINS", origins, "",
        "web origins, separated by spaces, whose pages may order and cancel besides our own; * = "
        "all"),
    STR("METRICS_ALLOW", metrics_allow, "",
        "addresses or networks, separated by spaces, that may read /metrics besides loopback"),

    STR("REDIS", redis, "%R/redis.sock",
        "Redis: path of its unix socket, host:port, or sentinel://NAME@host:port,host:port"),
    INT("REDIS_ACKS", redis_acks, "0", 0, 16, "",
        "replicas that must have an order on disk before it is confirmed"),
    INT("REDIS_ACKS_MS", redis_acks_ms, "500", 10, 60000, "ms",
        "how long they are waited for; then the order is not confirmed"),
    STR("REDIS_MAXMEMORY", redis_maxmemory, "512mb", "Redis' memory limit"),
    STR("SECRETS_DIR", secrets_dir, "%R/secrets", "passwords of the Redis users, a file each"),
    STR("API_LISTEN", api_listen, "%R/api/%d.sock",
        "FastCGI sockets; %d = the child's number; or host:port, the port counted up"),
    STR("WS_LISTEN", ws_listen, "%R/ws/ws.sock", "the chat bridge's socket, or host:port"),
    STR("LOG_LEVEL", log_level, "info", "debug, info, warn or error"),
};

#define HEALTH_WHY_SIZE 512

#define SETTING_COUNT (sizeof SETTINGS / sizeof SETTINGS[0])

static int parse_int(const struct setting *s, const char *text, int *ret)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < s->min || value > s->max)
        return -EINVAL;
    *ret = (int)value;
    return 0;
}

/* The default of a setting with its %R replaced; lives until the settings are loaded again. */
static const char *default_of(const struct setting *s)
{
    static char *expanded[SETTING_COUNT];
    char **slot = &expanded[s - SETTINGS];
    if (strncmp(s->fallback, "%R", 2) != 0)
        return s->fallback;
    free(*slot);
    *slot = mem_printf("%s%s", conf.run_dir, s->fallback + 2);
    return *slot;
}

static int load_one(const struct setting *s, char *error, size_t error_size)
{
    const char *text = getenv(s->name);
    char *field = (char *)&conf + s->offset;
    if (!text || !*text)
        text = default_of(s);
    if (s->kind == TEXT) {
        memcpy(field, &text, sizeof text);
        return 0;
    }
    int value;
    if (parse_int(s, text, &value)) {
        snprintf(error, error_size, "%s=%.60s: must be a whole number from %d to %d%s%s", s->name,
                 text, s->min, s->max, *s->unit ? " " : "", s->unit);
        return -EINVAL;
    }
    memcpy(field, &value, sizeof value);
    return 0;
}

static int check_redis(char *error, size_t error_size)
{
    struct redis_address address;
    if (redis_address_parse(conf.redis, &address) == 0) {
        redis_address_release(&address);
        return 0;
    }
    snprintf(error, error_size,
             "TIFFIN_REDIS=%.80s: must be host:port, the path of a socket, with a / and up to %d "
             "bytes, or sentinel://NAME@host:port,host:port",
             conf.redis, ADDRESS_PATH_MAX);
    return -EINVAL;
}

static int check_address(const char *name, const char *text, char *error, size_t error_size)
{
    struct address address;
    if (address_of(text, 0, &address) == 0)
        return 0;
    snprintf(error, error_size,
             "%s=%.110s: must be host:port or the path of a socket, with a / and up to %d bytes",
             name, text, ADDRESS_PATH_MAX);
    return -EINVAL;
}

/* Rules that hold between settings, or that bounds cannot say. */
static int check_rules(char *error, size_t error_size)
{
    if (conf.stage_min_ms > conf.stage_max_ms) {
        snprintf(error, error_size, "TIFFIN_STAGE_MIN_MS=%d is above TIFFIN_STAGE_MAX_MS=%d",
                 conf.stage_min_ms, conf.stage_max_ms);
        return -EINVAL;
    }
    if (conf.payment_decline_pct + conf.payment_error_pct + conf.payment_timeout_pct +
            conf.payment_lost_reply_pct >
        100) {
        snprintf(error, error_size, "the TIFFIN_PAYMENT_…_PCT settings add up to more than 100");
        return -EINVAL;
    }
    if (log_level_parse(conf.log_level) < 0) {
        snprintf(error, error_size, "TIFFIN_LOG_LEVEL=%.60s: must be debug, info, warn or error",
                 conf.log_level);
        return -EINVAL;
    }
    if (check_redis(error, error_size) ||
        check_address("TIFFIN_API_LISTEN", conf.api_listen, error, error_size) ||
        check_address("TIFFIN_WS_LISTEN", conf.ws_listen, error, error_size))
        return -EINVAL;
    if (!origin_list_is_valid(conf.origins)) {
        snprintf(error, error_size,
                 "TIFFIN_ORIGINS=%.110s: must be origins (https://name or https://name:port), "
                 "separated by spaces, or *",
                 conf.origins);
        return -EINVAL;
    }
    return 0;
}

int conf_load(char *error, size_t error_size)
{
    const char *run_dir = getenv("TIFFIN_RUN_DIR");
    conf.run_dir = run_dir && *run_dir ? run_dir : ".run"; /* other defaults stand below it */
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (load_one(&SETTINGS[i], error, error_size))
            return -EINVAL;
    return check_rules(error, error_size);
}

void conf_print_help(FILE *out)
{
    fprintf(out, "Settings (environment variables; the default in brackets):\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &SETTINGS[i];
        const char *fallback = s->fallback;
        int below_run = strncmp(fallback, "%R", 2) == 0;
        fprintf(out, "  %-30s %s [%s%s%s%s]\n", s->name, s->meaning, below_run ? "<run dir>" : "",
                below_run ? fallback + 2 : fallback, *s->unit ? " " : "", s->unit);
    }
}

void conf_print_markdown(FILE *out)
{
    fprintf(out, "| setting | default | unit | from | to | meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &SETTINGS[i];
        const char *fallback = s->fallback;
        int below_run = strncmp(fallback, "%R", 2) == 0;
        const char *quote = *fallback ? "`" : "";
        fprintf(out, "| `%s` | %s%s%s%s | %s |", s->name, quote, below_run ? "$TIFFIN_RUN_DIR" : "",
                below_run ? fallback + 2 : fallback, quote, s->unit);
        if (s->kind == INTEGER)
            fprintf(out, " %d | %d |", s->min, s->max);
        else
            fprintf(out, " | |");
        fprintf(out, " %s |\n", s->meaning);
    }
}

/* Never returns. */
static void tell_health(const char *program, conf_health_fn health)
{
    char why[HEALTH_WHY_SIZE];
    if (health(why, sizeof why) == 0)
        exit(0);
    fprintf(stderr, "%s: %s\n", program, why);
    exit(1);
}

void conf_main(int argc, char **argv, const char *program, const char *summary,
               conf_health_fn health)
{
    const char *option = argc > 1 ? argv[1] : "";
    char error[512];

    if (strcmp(option, "--help") == 0) {
        printf(
            "%s %s\n%s\n\n"
            "Options: --help, --version, --settings (a Markdown table), --check (are the settings "
            "right?),\n         --health (is the running program well? 0, or 1 and why)\n\n",
            program, TIFFIN_VERSION, summary);
        conf_print_help(stdout);
        exit(0);
    }
    if (strcmp(option, "--version") == 0) {
        printf("%s %s\n", program, TIFFIN_VERSION);
        exit(0);
    }
    if (strcmp(option, "--settings") == 0) {
        conf_print_markdown(stdout);
        exit(0);
    }
    if (conf_load(error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", program, error);
        exit(1);
    }
    if (strcmp(option, "--check") == 0)
        exit(0);
    if (strcmp(option, "--health") == 0)
        tell_health(program, health);
    if (argc > 1) {
        fprintf(stderr, "%s: unknown option %s (try --help)\n", program, option);
        exit(1);
    }
    log_init(program, (enum log_level)log_level_parse(conf.log_level));
}

int conf_secret(const char *user, char *out, size_t size)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", conf.secrets_dir, user);
    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    char *line = fgets(out, (int)size, f);
    fclose(f);
    if (!line)
        return -ENODATA;
    size_t length = strcspn(out, "\r\n");
    if (!out[length] && length + 1 == size)
        return -EMSGSIZE;
    out[length] = '\0';
    return length ? 0 : -ENODATA;
}
