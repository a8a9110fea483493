/* The connection: resolving, connecting, greeting, giving up, trying again. */
#include "base/rds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/rds_internal.h"

#define BACKOFF_MAX_MS 1000
#define PROVEN_MS 1000 /* a connection that served for so long was a good one */
#define CONNECT_TIMEOUT_MS 1000
#define PROBE_EVERY_S 1.0
#define PASSWORD_MAX 128

static void try_connect(struct rds *r);
static void go_down(struct rds *r, enum rds_outcome outcome, const char *reason);

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

static void on_settle(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop, (void)revents;
    struct rds *r = w->data;
    if (r->must_drop)
        go_down(r, RDS_LOST, r->refusal);
    rds_fail_unsent(r);
    rds_acks_turn(r);
    rds_flush(r);
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
        rds_arm_deadline(r);
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
        rds_settle_soon(r);
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
        rds_refuse(r, why);
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
    (void)revents;
    ev_timer_stop(loop, w); /* it may have been fed */
    try_connect(w->data);
}

/* A server that greets us and then serves nothing (a replica, say) is no reason to be quick. */
static void judge_the_last(struct rds *r)
{
    if (r->up_since_ms && clock_mono_ms() - r->up_since_ms >= PROVEN_MS) {
        r->backoff_ms = BACKOFF_FIRST_MS;
        r->failures = 0;
    }
    r->up_since_ms = 0;
}

static void schedule_retry(struct rds *r)
{
    judge_the_last(r);
    if (r->options.finder)
        r->options.finder->doubt(r->options.finder);
    double ms = r->backoff_ms * (0.5 + 0.5 * random_unit());
    r->failures++;
    r->backoff_ms = r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2 : BACKOFF_MAX_MS;
    ev_timer_stop(r->loop, &r->retry);
    ev_timer_set(&r->retry, ms / 1000, 0.);
    ev_timer_start(r->loop, &r->retry);
}

/* Where it connects to, in words; one that is no address as it was given. */
static const char *place(const struct rds *r)
{
    static char text[ADDRESS_TEXT_SIZE];
    if (!r->to.port && !*r->to.name)
        return r->options.address;
    address_text(&r->to, text);
    return text;
}

static void note_no_connection(struct rds *r, const char *why)
{
    snprintf(r->reason, sizeof r->reason, "cannot connect to Redis at %.107s%s%s", place(r),
             *why ? ": " : "", why);
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
        rds_refuse(r, reply->str);
        return;
    }
    if (!is_last)
        return;
    if (r->options.greeting == RDS_GREET_MASTER)
        on_time(r, &(struct rds_result){.outcome = RDS_OK, .reply = reply, .text = ""});
    if (r->channel) /* the deadline of connecting goes on */
        redisAsyncCommand(context, on_pushed, r, "SUBSCRIBE %s", r->channel);
    else
        come_up(r);
}

static void come_up(struct rds *r)
{
    ev_timer_stop(r->loop, &r->deadline);
    r->up_since_ms = clock_mono_ms();
    snprintf(r->reason, sizeof r->reason, "the connection to Redis broke"); /* when it does */
    if (!r->options.blocking && r->options.greeting == RDS_GREET_MASTER)
        ev_timer_again(r->loop, &r->probe);
    set_state(r, RDS_UP);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct rds *r = context->data;
    if (!r || status == REDIS_OK)
        return;
    /* hiredis frees the context after this callback; 0.14.1 must not be disturbed in it. */
    note_no_connection(r, "");
    r->failing_as = RDS_LOST;
    r->context = NULL;
    ev_timer_stop(r->loop, &r->deadline);
    schedule_retry(r);
    set_state(r, RDS_DOWN);
}

/* ["master", ...]; a replica answers all the rest of the greeting as well. */
static void on_role(redisAsyncContext *context, void *reply, void *privdata)
{
    struct rds *r = context->data;
    const char *role = rds_str(rds_at(reply, 0));
    if (r && role && strcmp(role, "master") != 0) {
        char why[sizeof r->refusal];
        snprintf(why, sizeof why, "Redis at %.107s is a %.20s, not a master", place(r), role);
        rds_refuse(r, why);
    } else if (r) {
        rds_leave_for_another(r); /* one that was named while this one's host was looked up */
    }
    on_greeting(context, reply, privdata);
}

static void greet_master(struct rds *r)
{
    const char *name[] = {"CLIENT", "SETNAME", r->options.client_name};
    redisAsyncCommandArgv(r->context, on_greeting, NULL, 3, name, NULL);
    redisAsyncCommand(r->context, on_greeting, NULL, "PING"); /* refused while Redis is loading */
    redisAsyncCommand(r->context, on_role, NULL, "ROLE");
    redisAsyncCommand(r->context, on_greeting, r, "TIME");
}

static void greet(struct rds *r)
{
    char password[PASSWORD_MAX];
    int err = conf_secret(r->options.user, password, sizeof password);
    if (err && r->options.greeting == RDS_GREET_MASTER) {
        char why[sizeof r->refusal];
        snprintf(why, sizeof why, "no password of Redis user %s in %.80s: %s", r->options.user,
                 conf.secrets_dir, strerror(-err));
        rds_refuse(r, why);
        return;
    }
    const char *auth[] = {"AUTH", r->options.user, password};
    if (!err)
        redisAsyncCommandArgv(r->context, on_greeting, NULL, 3, auth, NULL);
    if (r->options.greeting == RDS_GREET_MASTER)
        greet_master(r);
    else
        redisAsyncCommand(r->context, on_greeting, r, "PING");
}

/* name: an address in digits, since hiredis would look a host up and wait for it; or the path. */
static void connect_to(struct rds *r, const char *name)
{
    redisAsyncContext *context =
        r->to.port ? redisAsyncConnect(name, r->to.port) : redisAsyncConnectUnix(name);
    if (!context || context->err) {
        note_no_connection(r, context ? context->errstr : "out of memory");
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
    note_no_connection(r, why);
    schedule_retry(r);
}

/* Where it is now. False: that is not known, and it was noted why. */
static int find(struct rds *r)
{
    struct rds_finder *finder = r->options.finder;
    const char *why = finder ? finder->find(finder, r->options.shard, &r->to) : NULL;
    if (why)
        snprintf(r->reason, sizeof r->reason, "%s", why);
    return !why;
}

static void try_connect(struct rds *r)
{
    if (!find(r)) {
        schedule_retry(r);
        return;
    }
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
    if (options->finder)
        TAILQ_INSERT_TAIL(&options->finder->users, r, user);
    else
        (void)address_parse(options->address, &r->to); /* a malformed one fails to connect */
    r->backoff_ms = BACKOFF_FIRST_MS;
    r->clock_offset_ms = clock_wall_ms() - clock_mono_ms(); /* a guess, until Redis is asked */
    snprintf(r->reason, sizeof r->reason, "not connected yet");
    TAILQ_INIT(&r->pending);
    TAILQ_INIT(&r->unsent);
    TAILQ_INIT(&r->answered);
    TAILQ_INIT(&r->queued);
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
    if (r->options.finder)
        TAILQ_REMOVE(&r->options.finder->users, r, user);
    go_down(r, RDS_LOST, "closed");
    rds_acks_release(r);
    rds_fail_unsent(r);
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
