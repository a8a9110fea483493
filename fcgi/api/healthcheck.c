/* One FastCGI request by hand (libfcgi has only the other end of it): begin, parameters, no body;
 * and of the answer the record's header and the status line that reply.c writes first. */
#include "api/healthcheck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/pool.h"
#include "base/conf.h"
#include "base/probe.h"

enum { BEGIN_REQUEST = 1, PARAMS = 4, STDIN = 5, STDOUT = 6 };
#define HEADER 8 /* version, type, request id, content length, padding, reserved */
#define REQUEST_MAX 256
#define STATUS_OK "Status: 200"

/* Adds a record of request 1 with less than 256 bytes of content. -> the new end */
static unsigned char *add_record(unsigned char *to, int type, const void *content, size_t n)
{
    const unsigned char header[HEADER] = {1, (unsigned char)type, 0, 1, 0, (unsigned char)n};
    memcpy(to, header, HEADER);
    memcpy(to + HEADER, content, n);
    return to + HEADER + n;
}

/* -> the new end */
static char *add_param(char *to, const char *name, const char *value)
{
    *to++ = (char)strlen(name);
    *to++ = (char)strlen(value);
    return stpcpy(stpcpy(to, name), value);
}

/* -> how many bytes */
static size_t make_request(unsigned char out[REQUEST_MAX])
{
    static const unsigned char RESPONDER[8] = {0, 1};
    char params[REQUEST_MAX / 2], *end = params;
    end = add_param(end, "REQUEST_METHOD", "GET");
    end = add_param(end, "DOCUMENT_URI", "/readyz");
    unsigned char *to = add_record(out, BEGIN_REQUEST, RESPONDER, sizeof RESPONDER);
    to = add_record(to, PARAMS, params, (size_t)(end - params));
    to = add_record(to, PARAMS, "", 0);
    return (size_t)(add_record(to, STDIN, "", 0) - out);
}

int healthcheck_pool(char *why, size_t size)
{
    unsigned char request[REQUEST_MAX];
    char answer[HEADER + sizeof STATUS_OK]; /* the NUL is no part of it */
    size_t wanted = sizeof answer - 1;
    const struct probe probe = {request, make_request(request), answer, wanted};
    for (int i = 0; i < pool_size(); i++) {
        int err = probe_ask(conf.api_listen, i, &probe);
        if (err) {
            snprintf(why, size, "process %d of %s does not answer: %s", i, conf.api_listen,
                     strerror(-err));
            return err;
        }
        answer[wanted] = '\0';
        if (answer[1] != STDOUT || strcmp(answer + HEADER, STATUS_OK) != 0) {
            snprintf(why, size, "process %d of %s is not ready: %s", i, conf.api_listen,
                     answer[1] == STDOUT ? answer + HEADER : "not FastCGI");
            return -EPROTO;
        }
    }
    return 0;
}
