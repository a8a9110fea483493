/* A redis-server of the test's own: in a folder below /tmp, on a unix socket, with two users whose
 * passwords stand in secrets/. It dies with the test.
 *
 *   tester   may do everything
 *   greeter  may sign in and nothing more */
#ifndef TIFFIN_TESTS_SUPPORT_REDIS_SERVER_H
#define TIFFIN_TESTS_SUPPORT_REDIS_SERVER_H

#include <sys/types.h>

struct redis_server {
    char dir[64];
    char socket[96];
    char secrets[96];
    pid_t pid; /* 0 while it does not run */
};

/* Makes the folder and starts; fails the test when redis-server does not come up. */
void redis_server_init(struct redis_server *s);
/* Starts again after redis_server_kill(), in the same folder. */
void redis_server_start(struct redis_server *s);
/* SIGKILL, and waits for the end. */
void redis_server_kill(struct redis_server *s);
/* SIGSTOP, SIGCONT … */
void redis_server_signal(const struct redis_server *s, int signal);
/* Writes a user's secret, as a file with a newline; NULL removes it. */
void redis_server_set_secret(const struct redis_server *s, const char *user, const char *password);
/* A command of three words by a connection of its own; fails the test when it is refused. */
void redis_server_ask(const struct redis_server *s, const char *a, const char *b, const char *c);
/* Stops it and removes the folder. */
void redis_server_release(struct redis_server *s);

#endif
