/* Graceful shutdown: the worker takes nothing new, finishes the jobs in hand, and gives the rest
 * back to the queue. */
#ifndef TIFFIN_WORKER_SHUTDOWN_H
#define TIFFIN_WORKER_SHUTDOWN_H

#include <ev.h>
#include <stdint.h>

struct rds_cmd;
struct worker;

/* In life order. */
enum shutdown_phase {
    SHUTDOWN_NONE,      /* at work */
    SHUTDOWN_DRAIN,     /* finishing what is in hand */
    SHUTDOWN_GIVE_BACK, /* giving the rest back */
    SHUTDOWN_DONE,      /* the loop ends */
};

struct shutdown {
    enum shutdown_phase phase;
    ev_timer bound; /* of the phase */
    struct rds_cmd *cmd;
    int64_t given; /* back, jobs */
};

/* SIGTERM or SIGINT came. The first starts to drain, the second gives back at once, the third ends
 * the loop. */
void shutdown_request(struct worker *w);
/* To be called once in each turn of the loop; ends the loop (ev_break) when nothing is left. */
void shutdown_turn(struct worker *w);
/* At the end of the process: stops the timer, cancels the command. */
void shutdown_stop(struct worker *w);

#endif
