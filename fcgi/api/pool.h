/* The API's master: opens one listening socket per child, forks the children and starts them
 * again when they die. The sockets stay open over a child's restart, so what arrives meanwhile
 * waits in its queue. (One socket each, not a shared one: the kernel wakes the same process again
 * and again, and one child would serve nearly all slow streams.) */
#ifndef TIFFIN_API_POOL_H
#define TIFFIN_API_POOL_H

/* How many children the settings ask for. */
int pool_size(void);

/* Runs until SIGTERM or SIGINT, which are passed on; waits for the children. `child` serves the
 * listening socket and returns the exit code. Returns the exit code of the program: 1 with a log
 * line when a socket cannot be opened. */
int pool_run(int n_children, int (*child)(int listen_fd));

#endif
