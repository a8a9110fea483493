/* Conditional requests (RFC 9110, 13): the ETag of an order is its version. */
#ifndef TIFFIN_API_ETAG_H
#define TIFFIN_API_ETAG_H

/* Does this If-None-Match fit (13.1.2: weak comparison, lists, *)? "" does not. */
int etag_matches(const char *if_none_match, int version);

#endif
