/* Opening the sockets that nginx connects to. */
#ifndef TIFFIN_BASE_LISTEN_H
#define TIFFIN_BASE_LISTEN_H

/* Listens, without blocking, on an address: the path of a unix socket (it has a '/'), or
 * host:port. For the `number`-th process of a pool a %d in it is replaced by the number; where
 * there is none, a port is counted up by it. A path is private by its folder and open to the
 * folder's group; a socket that a killed process left there is replaced.
 * -> a file descriptor (the caller closes it) or -errno. */
int listen_open(const char *address, int number);

/* Raises the soft limit of open files to the hard one: a connection is a descriptor. 0 or -errno.
 */
int listen_raise_file_limit(void);

#endif
