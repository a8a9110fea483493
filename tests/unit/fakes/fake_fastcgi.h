/* In the place of nginx and of api/fastcgi.c: the test writes a request, hands it to dispatch(),
 * and reads what was answered.
 *
 *   struct conn *c = fake_fastcgi_request("GET", "/order/x", "");
 *   dispatch(c);
 *   assert_int_equal(fake_fastcgi_status(c), 404);
 *
 * As at the real one, parameters and body are gone when the request is answered, becomes a stream
 * or is hung up. To answer twice, or on a connection that is gone, fails the test. */
#ifndef TIFFIN_TESTS_FAKES_FAKE_FASTCGI_H
#define TIFFIN_TESTS_FAKES_FAKE_FASTCGI_H

#include "api/fastcgi.h"

/* ---- what nginx sends ------------------------------------------------------------------------ */

/* A request without headers and body. It lives until fake_fastcgi_release(). */
struct conn *fake_fastcgi_request(const char *method, const char *path, const char *query);
/* Adds a parameter (a header is HTTP_…), also one that is there already. */
void fake_fastcgi_add_param(struct conn *c, const char *name, const char *value);
/* NULL: larger than FASTCGI_BODY_MAX. */
void fake_fastcgi_set_body(struct conn *c, const char *content_type, const char *body);
/* The client leaves. Its owner is told before this returns. */
void fake_fastcgi_hang_up(struct conn *c);

/* ---- what is answered ------------------------------------------------------------------------ */

/* Of the answer, or of the stream's head; 0 while there is none. */
int fake_fastcgi_status(const struct conn *c);
/* A header of that; "" when absent. Valid until the next call. */
const char *fake_fastcgi_header(const struct conn *c, const char *name);
/* The answer's body; "" while there is none. */
const char *fake_fastcgi_answer(const struct conn *c);

/* The payload of the records that a stream was sent since the last call. Valid until the next one.
 */
const char *fake_fastcgi_sent(struct conn *c);
/* Has the stream been ended, by its owner? */
int fake_fastcgi_is_ended(const struct conn *c);

/* A slow reader: one record more is queued, those after it are refused. */
void fake_fastcgi_stall(struct conn *c);
/* The socket has taken what was queued. The owner is told before this returns. */
void fake_fastcgi_drain(struct conn *c);
/* Sending fails from now on; fake_fastcgi_hang_up() follows. */
void fake_fastcgi_break(struct conn *c);

/* Frees all requests; fails the test when one of them has no answer, or is still a stream, unless
 * it was hung up. */
void fake_fastcgi_release(void);

#endif
