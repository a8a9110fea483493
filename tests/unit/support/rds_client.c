#include "tests/unit/support/rds_client.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/support/test.h"

#define TICK_S 0.005

static void on_state(void *arg, int is_up)
{
    struct rds_client *c = arg;
    if (is_up)
        c->ups++;
    else
        c->downs++;
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
}

void rds_client_open(struct rds_client *c, const struct rds_options *options)
{
    struct rds_options own = *options;
    memset(c, 0, sizeof *c);
    c->loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(c->loop);
    ev_timer_init(&c->tick, on_tick, TICK_S, TICK_S);
    ev_timer_start(c->loop, &c->tick);
    own.on_state = on_state;
    own.arg = c;
    c->rds = rds_new(c->loop, &own);
    assert_non_null(c->rds);
}

void rds_client_init(struct rds_client *c, const char *address, const char *user)
{
    rds_client_open(
        c, &(struct rds_options){
               .address = address, .user = user, .client_name = "tiffin-unit", .timeout_ms = 5000});
}

void rds_client_release(struct rds_client *c)
{
    rds_free(c->rds);
    ev_timer_stop(c->loop, &c->tick);
    ev_loop_destroy(c->loop);
}

void rds_client_turn(struct rds_client *c)
{
    ev_run(c->loop, EVRUN_ONCE);
}

void rds_client_turn_for(struct rds_client *c, int ms)
{
    for (int64_t end = clock_mono_ms() + ms; clock_mono_ms() < end;)
        rds_client_turn(c);
}

void seen_fill(void *arg, const struct rds_result *result)
{
    struct seen *s = arg;
    const char *str = rds_str(result->reply);
    s->n++;
    s->outcome = result->outcome;
    snprintf(s->text, sizeof s->text, "%s", result->text);
    snprintf(s->str, sizeof s->str, "%s", str ? str : "");
    s->len = rds_len(result->reply);
    s->str_len = rds_str_len(result->reply);
    s->number = -1;
    (void)rds_int(result->reply, &s->number);
}
