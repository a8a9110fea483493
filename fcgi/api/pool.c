#include "api/pool.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"

#define SOON_MS 1000 /* a child that dies earlier than this waits before it is started again */
#define BACKOFF_MAX_MS 1000

struct child {
    int listen_fd;
    int number;
    pid_t pid; /* 0 = not running */
    int64_t started_ms;
    int backoff_ms;
    ev_child exited;
    ev_timer restart;
};

static struct {
    struct ev_loop *loop;
    struct child *children;
    int n;
    int running;
    int is_stopping;
    int (*child_main)(int listen_fd);
    ev_signal on_term, on_int;
} pool;

/* ---- listening ------------------------------------------------------------------------------ */

/* The listening socket of child `number`, or -1 after a log line. */
static int open_listener(int number)
{
    int fd = listen_open(conf.api_listen, number);
    if (fd >= 0)
        return fd;
    log_error("child %d cannot listen on %s (TIFFIN_API_LISTEN): %s", number, conf.api_listen,
              strerror(-fd));
    return -1;
}

/* ---- children ------------------------------------------------------------------------------- */

/* In the child: nothing of the master may live on. `mask`: its signals from before the fork. */
static void become_child(const struct child *c, pid_t master, const sigset_t *mask)
{
    /* A killed master takes its children along, so that its successor finds free sockets. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master)
        _exit(1);
    for (int i = 0; i < pool.n; i++)
        if (pool.children[i].listen_fd != c->listen_fd)
            close(pool.children[i].listen_fd);
    int listen_fd = c->listen_fd;
    int (*child_main)(int) = pool.child_main;
    ev_loop_fork(pool.loop);
    ev_signal_stop(pool.loop, &pool.on_term); /* libev ties a signal to one loop */
    ev_signal_stop(pool.loop, &pool.on_int);
    free(pool.children);
    ev_loop_destroy(pool.loop);
    sigprocmask(SIG_SETMASK, mask, NULL);
    exit(child_main(listen_fd));
}

/* A signal to stop that reached a child while it has the master's handlers would be lost in them.
 * So it waits till they are gone, and ends the child. */
static void hold_back_stop(sigset_t *ret_mask)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, ret_mask);
}

static void start_child(struct child *c)
{
    if (pool.is_stopping)
        return;
    sigset_t mask;
    hold_back_stop(&mask);
    pid_t master = getpid();
    c->started_ms = clock_mono_ms();
    c->pid = fork();
    if (c->pid == 0)
        become_child(c, master, &mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (c->pid < 0) {
        log_error("cannot fork: %s; trying again in %d ms", strerror(errno), BACKOFF_MAX_MS);
        c->pid = 0;
        ev_timer_set(&c->restart, BACKOFF_MAX_MS / 1000.0, 0.);
        ev_timer_start(pool.loop, &c->restart);
        return;
    }
    pool.running++;
    ev_child_set(&c->exited, c->pid, 0);
    ev_child_start(pool.loop, &c->exited);
}

static void on_restart(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)revents;
    start_child(w->data);
}

static void on_exited(struct ev_loop *loop, ev_child *w, int revents)
{
    (void)revents;
    struct child *c = w->data;
    ev_child_stop(loop, w);
    c->pid = 0;
    pool.running--;
    if (pool.is_stopping) {
        if (pool.running == 0)
            ev_break(loop, EVBREAK_ALL);
        return;
    }
    int died_soon = clock_mono_ms() - c->started_ms < SOON_MS;
    c->backoff_ms = died_soon ? (c->backoff_ms ? c->backoff_ms * 2 : 100) : 0;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    log_warn("child %d (pid %d) %s %d; starting it again in %d ms", c->number, w->rpid,
             WIFSIGNALED(w->rstatus) ? "was killed by signal" : "ended with code",
             WIFSIGNALED(w->rstatus) ? WTERMSIG(w->rstatus) : WEXITSTATUS(w->rstatus),
             c->backoff_ms);
    ev_timer_set(&c->restart, c->backoff_ms / 1000.0, 0.);
    ev_timer_start(loop, &c->restart);
}

static void on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)revents;
    if (!pool.is_stopping)
        log_info("stopping: %d ms for what is under way", conf.drain_ms);
    pool.is_stopping = 1;
    for (int i = 0; i < pool.n; i++) {
        ev_timer_stop(loop, &pool.children[i].restart);
        if (pool.children[i].pid)
            kill(pool.children[i].pid, w->signum);
    }
    if (pool.running == 0)
        ev_break(loop, EVBREAK_ALL);
}

static int open_all(void)
{
    for (int i = 0; i < pool.n; i++) {
        struct child *c = &pool.children[i];
        c->number = i;
        c->listen_fd = open_listener(i);
        if (c->listen_fd < 0)
            return -1;
        ev_init(&c->exited, on_exited);
        ev_init(&c->restart, on_restart);
        c->exited.data = c->restart.data = c;
    }
    return 0;
}

int pool_size(void)
{
    int n = conf.api_processes ? conf.api_processes : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n;
}

int pool_run(int n_children, int (*child)(int listen_fd))
{
    pool.loop = ev_default_loop(0); /* the only kind that watches children */
    pool.n = n_children;
    pool.child_main = child;
    pool.children = mem_calloc((size_t)n_children, sizeof *pool.children);
    if (open_all()) {
        free(pool.children);
        return 1;
    }
    ev_signal_init(&pool.on_term, on_stop, SIGTERM);
    ev_signal_init(&pool.on_int, on_stop, SIGINT);
    ev_signal_start(pool.loop, &pool.on_term);
    ev_signal_start(pool.loop, &pool.on_int);
    log_info("listening on %s with %d processes", conf.api_listen, n_children);
    for (int i = 0; i < n_children; i++)
        start_child(&pool.children[i]);
    ev_run(pool.loop, 0);
    free(pool.children);
    ev_loop_destroy(pool.loop);
    return 0;
}
