/* How a worker goes: it takes nothing new, finishes what is in hand, gives the rest back. */
#ifndef TIFFIN_WORKER_LEAVE_H
#define TIFFIN_WORKER_LEAVE_H

#include <ev.h>
#include <stdint.h>

struct rds_cmd;
struct worker;

/* In life order. */
enum leave_phase {
    LEAVE_NOT,   /* at work */
    LEAVE_DRAIN, /* finishing what is in hand */
    LEAVE_GIVE,  /* giving the rest back */
    LEAVE_DONE,  /* the loop ends */
};

struct leave {
    enum leave_phase phase;
    ev_timer bound; /* of the phase */
    struct rds_cmd *cmd;
    int64_t given;
};

/* The worker shall stop; each further call is more impatient: drain, give back at once, end. */
void leave_asked(struct worker *w);
/* To be called once in each turn of the loop. */
void leave_turn(struct worker *w);
/* At the end of the process. */
void leave_stop(struct worker *w);

#endif
