/* The address of a host, asked for without holding up the event loop: a name server that is silent
 * lets getaddrinfo() wait for seconds. Of Docker's that is the ordinary case: it does not answer
 * for a container that is just being started again. */
#ifndef TIFFIN_BASE_RESOLVE_H
#define TIFFIN_BASE_RESOLVE_H

struct ev_loop;
struct resolve;

/* Once, never before resolve_start() has returned: an address in digits, which dies when the
 * callback returns; or NULL, and why in one line. */
typedef void (*resolve_fn)(void *arg, const char *ip, const char *why);

/* Asks for a host (it is copied), and of its addresses, which are counted round, for the `which`-th
 * from 0: a caller that cannot connect to one tries the next. The answer may take as long as the
 * system's resolver waits. The result, never NULL, is valid until its callback is called. */
struct resolve *resolve_start(struct ev_loop *loop, const char *host, unsigned which, resolve_fn fn,
                              void *arg);
/* The callback will not be called. NULL ok. */
void resolve_cancel(struct resolve *r);

/* Is this an address in digits (IPv4 or IPv6), which needs no asking? */
int resolve_is_address(const char *host);

#endif
