/* The commands of a connection: from rds_send() to the one callback that completes each. */
#include "base/rds.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/crash.h"
#include "base/mem.h"
#include "base/rds_internal.h"

void rds_settle_soon(struct rds *r)
{
    ev_feed_event(r->loop, &r->settle, EV_CUSTOM);
}

void rds_flush(struct rds *r)
{
    if (!r->context || !r->wants_write || ev_is_active(&r->write_watcher))
        return;
    r->wants_write = 0;
    redisAsyncHandleWrite(r->context);
    if (r->context && r->wants_write)
        ev_io_start(r->loop, &r->write_watcher); /* the socket is full */
}

void rds_complete(struct rds_cmd *cmd, enum rds_outcome outcome, const redisReply *reply,
                  const char *text)
{
    if (cmd->fn && !cmd->owner->is_freed) {
        struct rds_result result = {.outcome = outcome, .reply = reply, .text = text};
        cmd->fn(cmd->arg, &result);
    }
    rds_reply_free(cmd->answer);
    free(cmd->bytes);
    free(cmd);
}

void rds_refuse(struct rds *r, const char *why)
{
    snprintf(r->refusal, sizeof r->refusal, "%s", why);
    r->must_drop = 1;
    rds_settle_soon(r);
}

void rds_arm_deadline(struct rds *r)
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
        rds_complete(cmd, r->failing_as, NULL, r->reason);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        if (rds_means_reconnect(reply->str))
            rds_refuse(r, reply->str);
        rds_complete(cmd, rds_means_not_executed(reply->str) ? RDS_UNSENT : RDS_ERROR, NULL,
                     reply->str);
    } else if (r->options.acks && !cmd->is_wait) {
        cmd->answer = rds_reply_copy(reply); /* completed with its acknowledgements */
        TAILQ_INSERT_TAIL(&r->answered, cmd, link);
    } else {
        rds_complete(cmd, RDS_OK, reply, "");
    }
}

static void name_crash_point(struct rds_cmd *cmd, const struct redis_command *args)
{
#ifdef TIFFIN_CRASH_POINTS
    snprintf(cmd->name, sizeof cmd->name, "%s", crash_name(args->n, args->argv));
#else
    (void)cmd, (void)args;
#endif
}

static void pass_crash_point(struct rds_cmd *cmd)
{
#ifdef TIFFIN_CRASH_POINTS
    rds_flush(cmd->owner); /* what was called before this point has been sent */
    crash_point("before", cmd->name);
#else
    (void)cmd;
#endif
}

/* hiredis has taken it, or has not. */
static void sent(struct rds *r, struct rds_cmd *cmd, int err)
{
    if (err) {
        TAILQ_INSERT_TAIL(&r->unsent, cmd, link);
        return;
    }
    cmd->sent_at_ms = clock_mono_ms();
    r->n_unacknowledged += r->options.acks && !cmd->is_wait;
    TAILQ_INSERT_TAIL(&r->pending, cmd, link);
    rds_arm_deadline(r);
}

static void send_now(struct rds *r, struct rds_cmd *cmd, const struct redis_command *args)
{
    name_crash_point(cmd, args);
    pass_crash_point(cmd);
    sent(r, cmd,
         redisAsyncCommandArgv(r->context, on_reply, cmd, (int)args->n, args->argv, args->lengths));
}

void rds_send_formatted(struct rds *r, struct rds_cmd *cmd)
{
    int is_up = r->state == RDS_UP && r->context;
    if (is_up)
        pass_crash_point(cmd);
    sent(r, cmd,
         !is_up || redisAsyncFormattedCommand(r->context, on_reply, cmd, cmd->bytes,
                                              (size_t)cmd->n_bytes));
}

/* Behind the WAIT that is under way. */
static void queue(struct rds *r, struct rds_cmd *cmd, const struct redis_command *args)
{
    name_crash_point(cmd, args);
    cmd->n_bytes = redisFormatCommandArgv(&cmd->bytes, (int)args->n, args->argv, args->lengths);
    TAILQ_INSERT_TAIL(&r->queued, cmd, link);
}

static struct rds_cmd *new_cmd(struct rds *r, rds_reply_fn fn, void *arg)
{
    struct rds_cmd *cmd = mem_calloc(1, sizeof *cmd);
    cmd->owner = r;
    cmd->fn = fn;
    cmd->arg = arg;
    return cmd;
}

void rds_send_wait(struct rds *r, const struct redis_command *wait, rds_reply_fn fn)
{
    struct rds_cmd *cmd = new_cmd(r, fn, r);
    cmd->is_wait = 1;
    send_now(r, cmd, wait);
}

struct rds_cmd *rds_send(struct rds *r, struct redis_command *command, rds_reply_fn fn, void *arg)
{
    struct rds_cmd *cmd = new_cmd(r, fn, arg);
    if (r->state != RDS_UP || !r->context)
        TAILQ_INSERT_TAIL(&r->unsent, cmd, link);
    else if (r->is_waiting)
        queue(r, cmd, command);
    else
        send_now(r, cmd, command);
    command_release(command);
    rds_settle_soon(r);
    return cmd;
}

void rds_cancel(struct rds_cmd *cmd)
{
    if (cmd)
        cmd->fn = NULL;
}

void rds_fail_unsent(struct rds *r)
{
    struct cmd_list batch = TAILQ_HEAD_INITIALIZER(batch);
    TAILQ_CONCAT(&batch, &r->unsent, link);
    struct rds_cmd *cmd;
    while ((cmd = TAILQ_FIRST(&batch))) {
        TAILQ_REMOVE(&batch, cmd, link);
        rds_complete(cmd, RDS_UNSENT, NULL, r->reason);
    }
}
