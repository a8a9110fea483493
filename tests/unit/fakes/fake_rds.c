#include "tests/unit/fakes/fake_rds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/unit/support/test.h"

struct rds {
    struct rds_options options;
    int is_up;
    int64_t now_ms; /* by Redis' clock; 0: as our wall clock */
    int n_asked_time;
};

struct rds_cmd {
    TAILQ_ENTRY(rds_cmd) link;
    struct rds *owner;
    rds_reply_fn fn;
    void *arg;
    char **argv;
    size_t n;
};

static TAILQ_HEAD(waiting_list, rds_cmd) waiting = TAILQ_HEAD_INITIALIZER(waiting);

/* ---- base/rds.h ------------------------------------------------------------------------------ */

struct rds *rds_new(struct ev_loop *loop, const struct rds_options *options)
{
    struct rds *r = mem_calloc(1, sizeof *r);
    (void)loop;
    r->options = *options;
    r->is_up = 1;
    return r;
}

static void forget(struct rds_cmd *cmd)
{
    TAILQ_REMOVE(&waiting, cmd, link);
    for (size_t i = 0; i < cmd->n; i++)
        free(cmd->argv[i]);
    free(cmd->argv);
    free(cmd);
}

void rds_free(struct rds *r)
{
    struct rds_cmd *cmd = TAILQ_FIRST(&waiting), *next;
    for (; cmd; cmd = next) {
        next = TAILQ_NEXT(cmd, link);
        if (cmd->owner == r)
            forget(cmd);
    }
    free(r);
}

struct rds_cmd *rds_send(struct rds *r, struct redis_command *command, rds_reply_fn fn, void *arg)
{
    struct rds_cmd *cmd = mem_calloc(1, sizeof *cmd);
    cmd->owner = r;
    cmd->fn = fn;
    cmd->arg = arg;
    cmd->n = command->n;
    cmd->argv = mem_calloc(command->n, sizeof *cmd->argv);
    for (size_t i = 0; i < command->n; i++)
        cmd->argv[i] = mem_strndup(command->argv[i], command->lengths[i]);
    TAILQ_INSERT_TAIL(&waiting, cmd, link);
    command_release(command);
    return cmd;
}

void rds_cancel(struct rds_cmd *cmd)
{
    if (cmd)
        cmd->fn = NULL;
}

int rds_is_up(const struct rds *r)
{
    return r->is_up;
}

const char *rds_reason(const struct rds *r)
{
    return r->is_up ? "" : "the test says so";
}

void rds_finder_init(struct rds_finder *f)
{
    TAILQ_INIT(&f->users);
}

void rds_finder_changed(struct rds_finder *f)
{
    (void)f; /* whoever is faked is nowhere */
}

int rds_shard(const struct rds *r)
{
    return r->options.shard;
}

int64_t rds_now_ms(const struct rds *r)
{
    return r->now_ms ? r->now_ms : clock_wall_ms();
}

void rds_ask_time(struct rds *r)
{
    r->n_asked_time++;
}

/* ---- for the test ---------------------------------------------------------------------------- */

static int is_function(const struct rds_cmd *cmd)
{
    return cmd->n >= 3 && strncmp(cmd->argv[0], "FCALL", 5) == 0;
}

static int is_named(const struct rds_cmd *cmd, const char *name)
{
    return !name || strcmp(cmd->argv[is_function(cmd)], name) == 0;
}

static struct rds_cmd *oldest(const char *name)
{
    struct rds_cmd *cmd;
    TAILQ_FOREACH(cmd, &waiting, link)
    if (is_named(cmd, name))
        return cmd;
    fail_msg("no %s waits for an answer", name);
    return NULL;
}

size_t fake_rds_waiting(const char *name)
{
    struct rds_cmd *cmd;
    size_t n = 0;
    TAILQ_FOREACH(cmd, &waiting, link)
    n += (size_t)is_named(cmd, name);
    return n;
}

static size_t n_keys(const struct rds_cmd *cmd)
{
    return is_function(cmd) ? strtoul(cmd->argv[2], NULL, 10) : 0;
}

const char *fake_rds_arg(const char *name, size_t i)
{
    const struct rds_cmd *cmd = oldest(name);
    size_t at = (is_function(cmd) ? 3 + n_keys(cmd) : 1) + i;
    return at < cmd->n ? cmd->argv[at] : "";
}

int64_t fake_rds_arg_int(const char *name, size_t i)
{
    int64_t n = 0;
    if (text_to_int(fake_rds_arg(name, i), &n))
        fail_msg("argument %zu of %s is no number: %s", i, name, fake_rds_arg(name, i));
    return n;
}

const char *fake_rds_key(const char *name, size_t i)
{
    const struct rds_cmd *cmd = oldest(name);
    return i < n_keys(cmd) ? cmd->argv[3 + i] : "";
}

const char *fake_rds_client(const char *name)
{
    return oldest(name)->owner->options.client_name;
}

/* The callback may send the next command of this name, so this one is forgotten first. */
static void complete(const char *name, const struct rds_result *result)
{
    struct rds_cmd *cmd = oldest(name);
    rds_reply_fn fn = cmd->fn;
    void *arg = cmd->arg;
    forget(cmd);
    if (fn)
        fn(arg, result);
}

void fake_rds_answer(const char *name, const struct redisReply *reply)
{
    complete(name, &(struct rds_result){.outcome = RDS_OK, .reply = reply, .text = ""});
}

void fake_rds_fail(const char *name, enum rds_outcome outcome, const char *text)
{
    complete(name, &(struct rds_result){.outcome = outcome, .text = text});
}

void fake_rds_set_now(struct rds *r, int64_t ms)
{
    r->now_ms = ms;
}

int fake_rds_asked_time(const struct rds *r)
{
    return r->n_asked_time;
}

void fake_rds_set_up(struct rds *r, int is_up)
{
    r->is_up = is_up;
    if (r->options.on_state)
        r->options.on_state(r->options.arg, is_up);
}
