/* The reason phrases of the status codes that we send: RFC 9110, 15; RFC 6585. They are also the
 * titles of problem documents (RFC 9457, 4.2.1). */
#ifndef TIFFIN_BASE_HTTP_STATUS_H
#define TIFFIN_BASE_HTTP_STATUS_H

/* A constant; "Unknown" for a code that we never send. */
const char *http_status_title(int status);

#endif
