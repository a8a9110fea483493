/* Where a program listens, as the settings write it: the path of a unix socket, which has a '/', or
 * host:port. An IPv6 address as the host may stand in brackets. */
#ifndef TIFFIN_BASE_ADDRESS_H
#define TIFFIN_BASE_ADDRESS_H

struct addrinfo;

#define ADDRESS_PATH_MAX 107 /* of a unix socket on Linux */
#define ADDRESS_TEXT_SIZE 270

struct address {
    char name[256]; /* the host, without brackets; "" = any, to listen on; or the path */
    int port;       /* 0: name is the path of a socket */
};

/* 0; -EINVAL: it is neither; -ENAMETOOLONG. *ret is untouched then. */
int address_parse(const char *text, struct address *ret);

/* As the settings write it. */
void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE]);
int address_is_same(const struct address *a, const struct address *b);

/* The address of the `number`-th process of a pool: a %d in the text is replaced by the number;
 * where there is none, a port is counted up by it. As address_parse(), or -ERANGE: the port becomes
 * too high. */
int address_of(const char *text, int number, struct address *ret);

/* The addresses of its host and port for a stream socket, in the order of RFC 6724; flags as those
 * of getaddrinfo(), which may block. The caller frees them with freeaddrinfo(); NULL: there is
 * none. */
struct addrinfo *address_look_up(const struct address *at, int flags);

#endif
