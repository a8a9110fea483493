/* The parts of chatload: what it was told to do, its clients, and what they found. */
#ifndef TIFFIN_TESTS_BENCH_CHATLOAD_H
#define TIFFIN_TESTS_BENCH_CHATLOAD_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define READ_BYTES 262144
#define SLOTS 10001         /* of a latency, ms; the last is "more" */
#define UNACCEPTED_MAX 4096 /* of one talker's numbers: older ones have been accepted */

enum state { WAITING, CONNECTING, HEAD, OPEN, CLOSED };

/* What may go wrong for a talker. */
enum trouble { CUT, FULL, NOT_SENT, UNKNOWN, MISSED, OTHER, TROUBLES };

extern const char *const TROUBLE_NAMES[TROUBLES];

struct client {
    enum state state;
    int fd, number;
    ev_io io;
    ev_timer retry;
    char *left; /* of the last read: an incomplete frame */
    size_t n_left;
    long last_id;   /* JSON: the last one seen; -1 = none */
    long n_seen;    /* messages */
    uint64_t order; /* a hash over what it saw, in its order */
    long *heard;    /* the last number of each talker; -1 = none */
    long n_sent;    /* numbers that it has given */
    /* With keys: when each of its last numbers was said first, at number % UNACCEPTED_MAX; 0 once
     * it was accepted. */
    int64_t *unaccepted_us;
};

struct options {
    int port, clients, connect, talkers, rate, size, seconds, json, resume;
    const char *opened_file;
};
extern struct options option;

struct load {
    struct ev_loop *loop;
    struct client *clients;
    int n_started, n_open, is_talking;
    double may_start, may_say;
    ev_timer tick, report;
    long sent, seen, lost, repeated, reordered, refused, broken, back;
    long unaccepted, said_again, stored_before, troubles[TROUBLES];
    long latency[SLOTS];
    int64_t began_us, talk_us, end_us, last_seen_us;
    char in[READ_BYTES + 70000];
};
extern struct load load;

/* ---- chatload_talk.c: what a client says ----------------------------------------------------- */

/* One masked frame. What its socket does not take is trouble, and is not sent. */
void send_frame(struct client *c, int opcode, const char *payload, size_t n);
/* Its next number; nothing while too many before it wait for their answer. */
void say_next(struct client *c);
/* The number once more, if it was not accepted; all of those. */
void say_again(struct client *c, long number);
void say_all_again(struct client *c);

/* ---- chatload_check.c: what a client hears --------------------------------------------------- */

/* Checks and counts all whole frames of the bytes. -> how many bytes they were */
size_t take_frames(struct client *c, char *bytes, size_t n);

/* ---- chatload_client.c: a client's connection ------------------------------------------------ */

/* Connects. From then on all else happens by itself, also, with --resume, that it comes back. */
void start(struct client *c);

#endif
