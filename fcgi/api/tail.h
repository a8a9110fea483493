/* Follows events:{s00}, the stream of every version of every order, on a connection of its own
 * (it blocks). One per process, whatever the number of streams that watch; while none does, it
 * rests: reading what nobody is told costs more than placing an order does.
 *
 * It goes on from the last entry it saw, also after a reconnect: there is no subscription to lose.
 */
#ifndef TIFFIN_API_TAIL_H
#define TIFFIN_API_TAIL_H

struct ev_loop;
struct order_change;

struct tail_handlers {
    void (*on_event)(const char *order_id, const struct order_change *change);
    /* Asked before each read; once it is false, tail_wake() is awaited. */
    int (*is_watched)(void);
    /* Following (again): what is watched should be read once more. */
    void (*on_ready)(void);
};

/* Starts, for the rest of the process' life. Handlers are kept by reference. */
void tail_start(struct ev_loop *loop, const struct tail_handlers *handlers);
/* Somebody watches (again): if the tail rested, on_ready follows. Harmless otherwise. */
void tail_wake(void);
void tail_stop(void);

#endif
