/* Acknowledged by replicas: group commit. At the end of a turn in which commands were sent, one
 * WAIT follows them, and their answers are kept back until enough replicas have acknowledged it.
 * What comes meanwhile waits here and goes out behind its answer, with the next WAIT: one at a time
 * for the connection, since a WAIT holds up what is behind it (redis.io, WAIT).
 *
 *   place place place WAIT ........ ack    place place WAIT ....
 *                     | place (waits) ----^ */
#include "base/command.h"
#include "base/conf.h"
#include "base/rds.h"
#include "base/rds_internal.h"

static void complete_answered(struct rds *r, enum rds_outcome outcome, const char *text)
{
    struct cmd_list batch = TAILQ_HEAD_INITIALIZER(batch);
    TAILQ_CONCAT(&batch, &r->answered, link);
    struct rds_cmd *cmd;
    while ((cmd = TAILQ_FIRST(&batch))) {
        TAILQ_REMOVE(&batch, cmd, link);
        rds_complete(cmd, outcome, outcome == RDS_OK ? cmd->answer : NULL, text);
    }
}

static void send_queued(struct rds *r)
{
    struct cmd_list batch = TAILQ_HEAD_INITIALIZER(batch);
    TAILQ_CONCAT(&batch, &r->queued, link);
    struct rds_cmd *cmd;
    while ((cmd = TAILQ_FIRST(&batch))) {
        TAILQ_REMOVE(&batch, cmd, link);
        rds_send_formatted(r, cmd);
    }
    rds_settle_soon(r);
}

static void on_acks(void *arg, const struct rds_result *result)
{
    struct rds *r = arg;
    int64_t n = rds_int_or(result->reply, 0);
    r->is_waiting = 0;
    if (result->outcome != RDS_OK) {
        complete_answered(r, RDS_LOST, result->text);
    } else if (n < r->options.acks) {
        if (r->options.finder)
            r->options.finder->doubt(r->options.finder);
        complete_answered(r, RDS_LOST, "too few replicas of Redis have acknowledged it in time");
    } else {
        complete_answered(r, RDS_OK, "");
    }
    send_queued(r);
}

void rds_acks_turn(struct rds *r)
{
    if (r->state != RDS_UP || !r->context)
        r->n_unacknowledged = 0; /* what was sent is lost, and was told so */
    if (!r->n_unacknowledged || r->is_waiting)
        return;
    struct redis_command wait;
    command_begin(&wait, "WAIT");
    command_add_int(&wait, r->options.acks);
    command_add_int(&wait, conf.redis_acks_ms);
    r->n_unacknowledged = 0;
    r->is_waiting = 1;
    rds_send_wait(r, &wait, on_acks);
    command_release(&wait);
}

void rds_acks_release(struct rds *r)
{
    complete_answered(r, RDS_LOST, "closed");
    send_queued(r);
}
