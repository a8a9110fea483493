/* From a FastCGI request to its handler: finds the route, refuses what must not reach a handler
 * (unknown path, wrong method, another site's page, a body that cannot be read), reads the
 * parameters that the route declares, and starts the deadline. */
#ifndef TIFFIN_API_DISPATCH_H
#define TIFFIN_API_DISPATCH_H

struct conn;

/* A fastcgi_request_fn. The request is answered when it returns, or waits for something that will.
 */
void dispatch(struct conn *conn);

#endif
