/* Writing answers: the only place that forms response headers and problem bodies. Every function
 * that sends frees the request. */
#ifndef TIFFIN_API_REPLY_H
#define TIFFIN_API_REPLY_H

#include <stddef.h>

struct json_object;
struct req;

/* Adds a header line to the answer to come. The value must not hold CR or LF from a client. */
void reply_header(struct req *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Each sends the whole answer, with Cache-Control: no-store. A JSON body: takes ownership of it. */
void reply_json(struct req *r, int status, struct json_object *body);
/* n bytes that are ready. */
void reply_body(struct req *r, int status, const char *content_type, const char *body, size_t n);
/* 204, 304. */
void reply_empty(struct req *r, int status);

/* RFC 9457: `error` is the one-line human message, `detail` (NULL = none) says more. */
void reply_problem(struct req *r, int status, const char *error, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* 503 with Retry-After. */
void reply_unavailable(struct req *r, const char *detail);

struct rds_result;
/* The usual answer to a Redis command that did not succeed: 503 when Redis cannot serve, else 500
 * and a log line. `consequence` is a sentence for the client by who knows what is known of the
 * command's effect; NULL for one that only reads. True when it answered; false when the result is
 * RDS_OK. */
int reply_redis_failure(struct req *r, const struct rds_result *result, const char *consequence);

/* Turns the request into an event stream: sends the head, frees the request, returns its
 * connection, which has no owner until fastcgi_set_owner(). */
struct conn *reply_stream(struct req *r);

#endif
