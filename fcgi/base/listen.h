/* Listening sockets, for nginx to connect to. */
#ifndef TIFFIN_BASE_LISTEN_H
#define TIFFIN_BASE_LISTEN_H

/* Listens, without blocking, on an address of the settings, that of the `number`-th process of a
 * pool (address_of()). A path is private by its folder and open to the folder's group; a socket
 * that a killed process left there is replaced. A host's name that has several addresses, each
 * another machine's, means this machine's own: getaddrinfo() sorts it first (RFC 6724, section 6,
 * rule 9: the longest prefix in common with where one would come from).
 * Returns a file descriptor, which the caller closes, or -errno. */
int listen_open(const char *address, int number);

/* Raises the soft limit of open files to the hard one: a connection is a descriptor. 0 or -errno.
 */
int listen_raise_file_limit(void);

#endif
