#include "base/rds.h"

#include <ev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/conf.h"
#include "base/crash.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/resolve.h"
#include "base/text.h"

#define BACKOFF_FIRST_MS 10
#define BACKOFF_MAX_MS 1000
#define CONNECT_TIMEOUT_MS 1000
#define PROBE_EVERY_S 1.0
#define PASSWORD_MAX 128

enum rds_state { RDS_DOWN, RDS_CONNECTING, RDS_UP };

struct rds_cmd {
    TAILQ_ENTRY(rds_cmd) link;
    struct rds *owner;
    rds_reply_fn fn; /* NULL once cancelled */
    void *arg;
    int64_t sent_at_ms; /* by a clock that never jumps; ev_now() would */
#ifdef TIFFIN_CRASH_POINTS
    char name[32];
#endif
};

TAILQ_HEAD(cmd_list, rds_cmd);

struct rds {
    struct ev_loop *loop;
    struct rds_options options;
    struct address to;
    enum rds_state state;
    struct resolve *lookup;     /* of Redis' host, between two connections; else NULL */
    redisAsyncContext *context; /* NULL while DOWN */
    char reason[160];
    enum rds_outcome failing_as; /* what a NULL reply means now */
    int backoff_ms;
    unsigned failures;       /* in a row: each tries another address of the host */
    int is_freed;            /* rds_free() runs: nothing is completed any more */
    int must_drop;           /* the server refused us: give the connection up when this turn ends */
    char refusal[160];       /* its words */
    int64_t clock_offset_ms; /* of Redis' clock from our monotonic one */
    const char *channel;     /* of a subscription, else NULL */
    rds_message_fn on_message;
    void *message_arg;

    struct cmd_list pending; /* sent, in order of their answers */
    struct cmd_list unsent;  /* to be completed at the loop boundary */

    ev_io read_watcher, write_watcher;
    int wants_write;
    ev_prepare settle; /* never started, only fed: runs last in this loop turn, see settle_soon */
    ev_timer deadline; /* of the oldest pending command, or of connecting */
    ev_timer retry;
    ev_timer probe;
};

static void try_connect(struct rds *r);
static void go_down(struct rds *r, enum rds_outcome outcome, const char *reason);
static void flush(struct rds *r);

/* Asks for on_settle() at the end of this loop turn. The watcher has the lowest priority, so all
 * other callbacks of the turn come first: their commands leave in one write. */
static void settle_soon(struct rds *r)
{
    ev_feed_event(r->loop, &r->settle, EV_CUSTOM);
}

/* ---- commands ------------------------------------------------------------------------------ */

static void complete(struct rds_cmd *cmd, enum rds_outcome outcome, const redisReply *reply,
                     const char *text)
{
    if (cmd->fn && !cmd->owner->is_freed) {
        struct rds_result result = {.outcome = outcome, .reply = reply, .text = text};
        cmd->fn(cmd->arg, &result);
    }
    free(cmd);
}

/* These mean that the server behind this connection cannot serve us: a new connection may. */
static int means_reconnect(const char *error)
{
    static const char *const PREFIXES[] = {"LOADING", "READONLY", "NOREPLICAS", "MASTERDOWN",
                                           "UNBLOCKED"};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (strncmp(error, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return 1;
    return 0;
}

static void refuse(struct rds *r, const char *why)
{
    snprintf(r->refusal, sizeof r->refusal, "%s", why);
    r->must_drop = 1;
    settle_soon(r);
}

static void arm_deadline(struct rds *r)
{
    struct rds_cmd *oldest = TAILQ_FIRST(&r->pending);
    if (!oldest) {
        ev_timer_stop(r->loop, &r->deadline);
    } else if (!ev_is_active(&r->deadline)) {
        int64_t left_ms = oldest->sent_at_ms + r->options.timeout_ms - clock_mono_ms();
        ev_timer_set(&r->deadline, left_ms > 0 ? (double)left_ms / 1000 : 0, 0.);
        ev_timer_start(r->loop, &r->deadline);
    }
}

/* hiredis calls this exactly once for each command: with NULL when the connection is lost. */
static void on_reply(redisAsyncContext *context, void *reply_, void *privdata)
{
    (void)context;
    struct rds_cmd *cmd = privdata;
    struct rds *r = cmd->owner;
    const redisReply *reply = reply_;

    TAILQ_REMOVE(&r->pending, cmd, link);
#ifdef TIFFIN_CRASH_POINTS
    if (reply)
        crash_point("after", cmd->name);
#endif
    if (!reply) {
        complete(cmd, r->failing_as, NULL, r->reason);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        if (means_reconnect(reply->str))
            refuse(r, reply->str);
        complete(cmd, RDS_ERROR, NULL, reply->str);
    } else {
        complete(cmd, RDS_OK, reply, "");
    }
}

static void send_now(struct rds *r, struct rds_cmd *cmd, const struct redis_command *args)
{
#ifdef TIFFIN_CRASH_POINTS
    snprintf(cmd->name, sizeof cmd->name, "%s", crash_name(args->n, args->argv));
    flush(r); /* what was called before this point has been sent */
    crash_point("before", cmd->name);
#endif
    if (redisAsyncCommandArgv(r->context, on_reply, cmd, (int)args->n, args->argv, args->lengths)) {
        TAILQ_INSERT_TAIL(&r->unsent, cmd, link);
        return;
    }
    cmd->sent_at_ms = clock_mono_ms();
    TAILQ_INSERT_TAIL(&r->pending, cmd, link);
    arm_deadline(r);
}

struct rds_cmd *rds_send(struct rds *r, struct redis_command *command, rds_reply_fn fn, void *arg)
{
    struct rds_cmd *cmd = mem_calloc(1, sizeof *cmd);
    cmd->owner = r;
    cmd->fn = fn;
    cmd->arg = arg;
    if (r->state == RDS_UP && r->context)
        send_now(r, cmd, command);
    else
        TAILQ_INSERT_TAIL(&r->unsent, cmd, link);
    command_release(command);
    settle_soon(r);
    return cmd;
}

struct rds_cmd *rds_callv(struct rds *r, rds_reply_fn fn, void *arg, size_t n,
                          const char *const argv[])
{
    struct redis_command command;
    command_set(&command, n, argv);
    return rds_send(r, &command, fn, arg);
}

void rds_cancel(struct rds_cmd *cmd)
{
    if (cmd)
        cmd->fn = NULL;
}

/* ---- loop events --------------------------------------------------------------------------- */

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    redisAsyncHandleRead(r->context);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    redisAsyncHandleWrite(r->context);
}

/* Writes all commands of this loop turn with one write, without asking epoll first. */
static void flush(struct rds *r)
{
    if (!r->context || !r->wants_write || ev_is_active(&r->write_watcher))
        return;
    r->wants_write = 0;
    redisAsyncHandleWrite(r->context);
    if (r->context && r->wants_write)
        ev_io_start(r->loop, &r->write_watcher); /* the socket is full */
}

static void fail_unsent(struct rds *r)
{
    struct cmd_list batch = TAILQ_HEAD_INITIALIZER(batch);
    TAILQ_CONCAT(&batch, &r->unsent, link);
    struct rds_cmd *cmd;
    while ((cmd = TAILQ_FIRST(&batch))) {
        TAILQ_REMOVE(&batch, cmd, link);
        complete(cmd, RDS_UNSENT, NULL, r->reason);
    }
}

static void on_settle(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    if (r->must_drop)
        go_down(r, RDS_LOST, r->refusal);
    fail_unsent(r);
    flush(r);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    const struct rds_cmd *oldest = TAILQ_FIRST(&r->pending);
    if (r->state == RDS_CONNECTING ||
        (oldest && clock_mono_ms() - oldest->sent_at_ms >= r->options.timeout_ms))
        go_down(r, RDS_TIMEOUT, "Redis does not answer");
    else
        arm_deadline(r);
}

/* ---- hiredis' event hooks ------------------------------------------------------------------ */

static void hook_add_read(void *data)
{
    struct rds *r = data;
    ev_io_start(r->loop, &r->read_watcher);
}

static void hook_del_read(void *data)
{
    struct rds *r = data;
    ev_io_stop(r->loop, &r->read_watcher);
}

static void hook_add_write(void *data)
{
    struct rds *r = data;
    r->wants_write = 1;
    if (r->context->c.flags & REDIS_CONNECTED)
        settle_soon(r);
    else
        ev_io_start(r->loop, &r->write_watcher); /* writable means: connected, or failed */
}

static void hook_del_write(void *data)
{
    struct rds *r = data;
    r->wants_write = 0;
    ev_io_stop(r->loop, &r->write_watcher);
}

static void hook_cleanup(void *data)
{
    hook_del_read(data);
    hook_del_write(data);
}

/* ---- clock --------------------------------------------------------------------------------- */

static void on_time(void *arg, const struct rds_result *result)
{
    struct rds *r = arg;
    int64_t seconds, us;
    if (result->outcome != RDS_OK || rds_int(rds_at(result->reply, 0), &seconds) ||
        rds_int(rds_at(result->reply, 1), &us))
        return;
    r->clock_offset_ms = seconds * 1000 + us / 1000 - clock_mono_ms();
}

static void on_probe(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    if (r->state == RDS_UP && r->context)
        rds_ask_time(r);
}

void rds_ask_time(struct rds *r)
{
    rds_call(r, on_time, r, "TIME");
}

int64_t rds_now_ms(const struct rds *r)
{
    return clock_mono_ms() + r->clock_offset_ms;
}

/* ---- subscription -------------------------------------------------------------------------- */

static void come_up(struct rds *r);

/* Everything that comes after SUBSCRIBE: ["subscribe", channel, 1] or ["message", channel, bytes].
 * NULL when the connection is lost. A refusal comes as an error, for which hiredis has no callback:
 * it hangs up, and we try again as after any loss. */
static void on_pushed(redisAsyncContext *context, void *reply_, void *privdata)
{
    (void)privdata;
    struct rds *r = context->data;
    const redisReply *reply = reply_, *kind = rds_at(reply, 0), *bytes = rds_at(reply, 2);
    if (!r || r->must_drop || !rds_str(kind))
        return;
    if (r->state == RDS_CONNECTING && strcasecmp(rds_str(kind), "subscribe") == 0)
        come_up(r);
    else if (r->state == RDS_UP && strcasecmp(rds_str(kind), "message") == 0 && rds_str(bytes))
        r->on_message(r->message_arg, rds_str(bytes), rds_str_len(bytes));
}

void rds_subscribe(struct rds *r, const char *channel, rds_message_fn fn, void *arg)
{
    r->channel = channel;
    r->on_message = fn;
    r->message_arg = arg;
}

void rds_drop(struct rds *r, const char *why)
{
    if (r->context)
        refuse(r, why);
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void set_state(struct rds *r, enum rds_state state)
{
    int was_up = r->state == RDS_UP;
    r->state = state;
    if (was_up != (state == RDS_UP) && r->options.on_state && !r->is_freed)
        r->options.on_state(r->options.arg, state == RDS_UP);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    try_connect(w->data);
}

static void schedule_retry(struct rds *r)
{
    double ms = r->backoff_ms * (0.5 + 0.5 * random_unit());
    r->failures++;
    r->backoff_ms = r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2 : BACKOFF_MAX_MS;
    ev_timer_stop(r->loop, &r->retry);
    ev_timer_set(&r->retry, ms / 1000, 0.);
    ev_timer_start(r->loop, &r->retry);
}

/* Gives the connection up. Not to be called from inside a hiredis callback: it frees the context.
 */
static void go_down(struct rds *r, enum rds_outcome outcome, const char *reason)
{
    redisAsyncContext *context = r->context;
    snprintf(r->reason, sizeof r->reason, "%s", reason);
    r->failing_as = outcome;
    r->must_drop = 0;
    ev_timer_stop(r->loop, &r->deadline);
    ev_timer_stop(r->loop, &r->probe);
    r->context = NULL;
    if (context) {
        context->data = NULL;    /* on_disconnect must not act on it again */
        redisAsyncFree(context); /* completes what is pending, with NULL replies */
    }
    set_state(r, RDS_DOWN);
    schedule_retry(r);
}

/* hiredis closed the connection by itself (end of file, protocol error) and frees the context. */
static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct rds *r = context->data;
    if (!r)
        return;
    if (status != REDIS_OK && context->err == REDIS_ERR_OTHER) /* SUBSCRIBE was refused */
        snprintf(r->reason, sizeof r->reason, "%s", context->errstr);
    r->context = NULL;
    ev_timer_stop(r->loop, &r->deadline);
    ev_timer_stop(r->loop, &r->probe);
    set_state(r, RDS_DOWN);
    schedule_retry(r);
}

/* The last of the greeting's answers; an error in any of them is fatal for this connection. */
static void on_greeting(redisAsyncContext *context, void *reply_, void *privdata)
{
    struct rds *r = context->data;
    const redisReply *reply = reply_;
    int is_last = privdata != NULL;
    if (!r || r->state != RDS_CONNECTING || r->must_drop)
        return;
    if (!reply)
        return; /* on_disconnect or go_down speaks for it */
    if (reply->type == REDIS_REPLY_ERROR) {
        refuse(r, reply->str);
        return;
    }
    if (!is_last)
        return;
    struct rds_result result = {.outcome = RDS_OK, .reply = reply, .text = ""};
    on_time(r, &result);
    if (r->channel) /* the deadline of connecting goes on */
        redisAsyncCommand(context, on_pushed, r, "SUBSCRIBE %s", r->channel);
    else
        come_up(r);
}

static void come_up(struct rds *r)
{
    ev_timer_stop(r->loop, &r->deadline);
    r->backoff_ms = BACKOFF_FIRST_MS;
    r->failures = 0;
    snprintf(r->reason, sizeof r->reason, "the connection to Redis broke"); /* when it does */
    if (!r->options.blocking)
        ev_timer_again(r->loop, &r->probe);
    set_state(r, RDS_UP);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct rds *r = context->data;
    if (!r || status == REDIS_OK)
        return;
    /* hiredis frees the context after this callback; 0.14.1 must not be disturbed in it. */
    snprintf(r->reason, sizeof r->reason, "cannot connect to Redis at %s", r->options.address);
    r->failing_as = RDS_LOST;
    r->context = NULL;
    ev_timer_stop(r->loop, &r->deadline);
    schedule_retry(r);
    set_state(r, RDS_DOWN);
}

static void greet(struct rds *r)
{
    char password[PASSWORD_MAX];
    int err = conf_secret(r->options.user, password, sizeof password);
    if (err) {
        char why[sizeof r->refusal];
        snprintf(why, sizeof why, "no password of Redis user %s in %.80s: %s", r->options.user,
                 conf.secrets_dir, strerror(-err));
        refuse(r, why);
        return;
    }
    const char *auth[] = {"AUTH", r->options.user, password};
    const char *name[] = {"CLIENT", "SETNAME", r->options.client_name};
    redisAsyncCommandArgv(r->context, on_greeting, NULL, 3, auth, NULL);
    redisAsyncCommandArgv(r->context, on_greeting, NULL, 3, name, NULL);
    redisAsyncCommand(r->context, on_greeting, NULL, "PING"); /* refused while Redis is loading */
    redisAsyncCommand(r->context, on_greeting, r, "TIME");
}

/* name: an address in digits, since hiredis would look a host up and wait for it; or the path. */
static void connect_to(struct rds *r, const char *name)
{
    redisAsyncContext *context =
        r->to.port ? redisAsyncConnect(name, r->to.port) : redisAsyncConnectUnix(name);
    if (!context || context->err) {
        snprintf(r->reason, sizeof r->reason, "cannot connect to Redis at %s: %s",
                 r->options.address, context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        schedule_retry(r);
        return;
    }
    r->context = context;
    r->must_drop = 0;
    r->failing_as = RDS_LOST;
    context->data = r;
    context->ev.data = r;
    context->ev.addRead = hook_add_read;
    context->ev.delRead = hook_del_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    ev_io_set(&r->read_watcher, context->c.fd, EV_READ);
    ev_io_set(&r->write_watcher, context->c.fd, EV_WRITE);
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    set_state(r, RDS_CONNECTING);
    ev_timer_stop(r->loop, &r->deadline);
    ev_timer_set(&r->deadline, CONNECT_TIMEOUT_MS / 1000.0, 0.);
    ev_timer_start(r->loop, &r->deadline);
    greet(r);
}

static void on_resolved(void *arg, const char *ip, const char *why)
{
    struct rds *r = arg;
    r->lookup = NULL;
    if (ip) {
        connect_to(r, ip);
        return;
    }
    snprintf(r->reason, sizeof r->reason, "cannot connect to Redis at %s: %s", r->options.address,
             why);
    schedule_retry(r);
}

static void try_connect(struct rds *r)
{
    if (!r->to.port || resolve_is_address(r->to.name))
        connect_to(r, r->to.name);
    else
        r->lookup = resolve_start(r->loop, r->to.name, r->failures, on_resolved, r);
}

struct rds *rds_new(struct ev_loop *loop, const struct rds_options *options)
{
    struct rds *r = mem_calloc(1, sizeof *r);
    r->loop = loop;
    r->options = *options;
    (void)address_parse(options->address, &r->to); /* else nobody listens there */
    r->backoff_ms = BACKOFF_FIRST_MS;
    r->clock_offset_ms = clock_wall_ms() - clock_mono_ms(); /* a guess, until Redis is asked */
    snprintf(r->reason, sizeof r->reason, "not connected yet");
    TAILQ_INIT(&r->pending);
    TAILQ_INIT(&r->unsent);
    ev_io_init(&r->read_watcher, on_readable, -1, EV_READ);
    ev_io_init(&r->write_watcher, on_writable, -1, EV_WRITE);
    ev_init(&r->deadline, on_deadline);
    ev_init(&r->retry, on_retry);
    ev_timer_init(&r->probe, on_probe, 0., PROBE_EVERY_S);
    ev_prepare_init(&r->settle, on_settle);
    ev_set_priority(&r->settle, EV_MINPRI);
    /* After a pause of this process, answers that have come are read before anything is late. */
    ev_set_priority(&r->deadline, EV_MINPRI + 1);
    r->read_watcher.data = r->write_watcher.data = r;
    r->deadline.data = r->retry.data = r->probe.data = r->settle.data = r;
    try_connect(r);
    return r;
}

void rds_free(struct rds *r)
{
    if (!r)
        return;
    r->is_freed = 1;
    go_down(r, RDS_LOST, "closed");
    fail_unsent(r);
    resolve_cancel(r->lookup);
    ev_timer_stop(r->loop, &r->retry);
    ev_clear_pending(r->loop, &r->settle);
    free(r);
}

int rds_shard(const struct rds *r)
{
    return r->options.shard;
}

int rds_is_up(const struct rds *r)
{
    return r->state == RDS_UP;
}

const char *rds_reason(const struct rds *r)
{
    return r->state == RDS_UP ? "" : r->reason;
}

/* ---- results ------------------------------------------------------------------------------- */

int rds_is_unknown(const struct rds_result *result)
{
    return result->outcome == RDS_LOST || result->outcome == RDS_TIMEOUT;
}

int rds_is_unavailable(const struct rds_result *result)
{
    /* A Redis that was emptied has no functions until somebody loads them. */
    static const char *const PREFIXES[] = {"OOM",         "MISCONF",  "BUSY",
                                           "CLUSTERDOWN", "TRYAGAIN", "ERR Function not found"};
    if (result->outcome == RDS_OK)
        return 0;
    if (result->outcome != RDS_ERROR || means_reconnect(result->text))
        return 1;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (strncmp(result->text, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return 1;
    return 0;
}

size_t rds_len(const struct redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *rds_at(const struct redisReply *reply, size_t i)
{
    return i < rds_len(reply) ? reply->element[i] : NULL;
}

const char *rds_str(const struct redisReply *reply)
{
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return NULL;
    return reply->str;
}

size_t rds_str_len(const struct redisReply *reply)
{
    return rds_str(reply) ? (size_t)reply->len : 0;
}

int rds_int(const struct redisReply *reply, int64_t *ret)
{
    if (reply && reply->type == REDIS_REPLY_INTEGER) {
        *ret = reply->integer;
        return 0;
    }
    return text_to_int(rds_str(reply), ret);
}

const char *rds_field(const struct redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < rds_len(reply); i += 2) {
        const char *field = rds_str(rds_at(reply, i));
        if (field && strcmp(field, name) == 0)
            return rds_str(rds_at(reply, i + 1));
    }
    return NULL;
}
