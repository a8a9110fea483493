/* glibc asks in a thread of its own (getaddrinfo_a). It can tell the end by a signal or by another
 * thread; looking after it every few milliseconds is simpler, and costs nothing but a timer while a
 * question is open, which is seldom. A question that is cancelled while its thread works must live
 * on until the thread is done with it. */
#include "base/resolve.h"

#include <arpa/inet.h>
#include <ev.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define LOOK_EVERY_S 0.005

struct resolve {
    struct gaicb question; /* the thread's until gai_error() says that it is over */
    struct addrinfo hints;
    char *host;
    unsigned which;
    int refused;   /* what getaddrinfo_a() said at once; 0 = it was taken */
    resolve_fn fn; /* NULL once cancelled */
    void *arg;
    ev_timer look;
};

static void release(struct ev_loop *loop, struct resolve *r)
{
    ev_timer_stop(loop, &r->look);
    if (r->question.ar_result)
        freeaddrinfo(r->question.ar_result);
    free(r->host);
    free(r);
}

/* The which-th of a list that is not empty, counted round. */
static const struct addrinfo *pick(const struct addrinfo *list, unsigned which)
{
    unsigned n = 1;
    for (const struct addrinfo *at = list->ai_next; at; at = at->ai_next)
        n++;
    for (which %= n; which > 0; which--)
        list = list->ai_next;
    return list;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct resolve *r = w->data;
    int err = r->refused ? r->refused : gai_error(&r->question);
    if (err == EAI_INPROGRESS)
        return;
    char ip[NI_MAXHOST];
    if (!err) {
        const struct addrinfo *found = pick(r->question.ar_result, r->which);
        err =
            getnameinfo(found->ai_addr, found->ai_addrlen, ip, sizeof ip, NULL, 0, NI_NUMERICHOST);
    }
    ev_timer_stop(loop, w);
    if (r->fn)
        r->fn(r->arg, err ? NULL : ip, err ? gai_strerror(err) : "");
    release(loop, r);
}

struct resolve *resolve_start(struct ev_loop *loop, const char *host, unsigned which, resolve_fn fn,
                              void *arg)
{
    struct resolve *r = mem_calloc(1, sizeof *r);
    struct gaicb *list[] = {&r->question};
    r->host = mem_strdup(host);
    r->which = which;
    r->hints.ai_socktype = SOCK_STREAM;
    r->hints.ai_flags = AI_ADDRCONFIG;
    r->question.ar_name = r->host;
    r->question.ar_request = &r->hints;
    r->fn = fn;
    r->arg = arg;
    r->refused = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    ev_timer_init(&r->look, on_look, LOOK_EVERY_S, LOOK_EVERY_S);
    r->look.data = r;
    ev_timer_start(loop, &r->look);
    return r;
}

void resolve_cancel(struct resolve *r)
{
    if (r)
        r->fn = NULL; /* on_look() frees it, when the thread is done */
}

int resolve_is_address(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}
