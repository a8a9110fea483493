/* Web origins (RFC 6454): whose page sent a request? Pure. */
#ifndef TIFFIN_BASE_ORIGIN_H
#define TIFFIN_BASE_ORIGIN_H

#include <stddef.h>

/* Is the Origin header's value (origin_n bytes) that of the host that was asked for, by its Host
 * header (host_n bytes)? Schemes are not compared, since a proxy may have taken TLS off, but for
 * their default ports: http://shop:80, http://shop and Host: shop are one. `null` is no host's. */
int origin_is_host(const char *origin, size_t origin_n, const char *host, size_t host_n);

/* Does the list, origins separated by spaces, name it? "*" names all, but nothing that is no single
 * value: an empty header, or several that a proxy has joined. */
int origin_is_listed(const char *origin, size_t origin_n, const char *list);

/* Can each word of a list be an Origin, or is it "*"? (https://shop.example/ cannot: it has a path,
 * and would never match.) */
int origin_list_is_valid(const char *list);

#endif
