/* The sockets that nginx connects to: opening them, and asking at them as nginx would. */
#ifndef TIFFIN_BASE_LISTEN_H
#define TIFFIN_BASE_LISTEN_H

#include <stddef.h>

/* Listens, without blocking, on an address of the settings, that of the `number`-th process of a
 * pool (address_of()). A path is private by its folder and open to the folder's group; a socket
 * that a killed process left there is replaced. A host's name that has several addresses, each
 * another machine's, means this machine's own: getaddrinfo() sorts it first (RFC 6724, section 6,
 * rule 9: the longest prefix in common with where one would come from).
 * -> a file descriptor (the caller closes it) or -errno. */
int listen_open(const char *address, int number);

/* Asks a running program at an address it has opened by listen_open(): sends n bytes, which must be
 * few, and reads the first `wanted` bytes of the answer. Blocks, at each step for at most 3 s: not
 * for a server. 0, or -errno: -EAGAIN when the answer does not come in time, -EPIPE when it is
 * shorter. */
int listen_ask(const char *address, int number, const void *question, size_t n, char *ret_answer,
               size_t wanted);

/* Raises the soft limit of open files to the hard one: a connection is a descriptor. 0 or -errno.
 */
int listen_raise_file_limit(void);

#endif
