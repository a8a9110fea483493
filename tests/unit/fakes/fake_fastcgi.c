#include "tests/unit/fakes/fake_fastcgi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/support/test.h"

#define PARAMS_MAX 32
#define TEXT_MAX (1 << 20)

enum conn_state { CONN_BUSY, CONN_STREAM, CONN_ANSWERED, CONN_ENDED, CONN_GONE };

struct conn {
    LIST_ENTRY(conn) link;
    enum conn_state state;
    const struct fastcgi_owner *owner;
    void *user;
    char *params[PARAMS_MAX]; /* name=value */
    size_t n_params;
    char *request_body; /* NULL: too large */
    struct buf head, body;
    struct buf sent;      /* since fake_fastcgi_sent() was called */
    struct buf sent_told; /* what it told */
    int is_stalled, is_queued, is_broken;
};

static LIST_HEAD(conn_list, conn) all = LIST_HEAD_INITIALIZER(all);

static void add(struct buf *b, const void *bytes, size_t n)
{
    assert_int_equal(buf_add(b, bytes, n), 0);
}

static void forget_request(struct conn *c)
{
    for (size_t i = 0; i < c->n_params; i++)
        free(c->params[i]);
    free(c->request_body);
    c->n_params = 0;
    c->request_body = NULL;
    c->owner = NULL;
}

/* ---- api/fastcgi.h --------------------------------------------------------------------------- */

void fastcgi_set_owner(struct conn *c, const struct fastcgi_owner *owner, void *user)
{
    c->owner = owner;
    c->user = user;
}

/* The value in "name=value"; NULL when the name is another. */
static const char *value_of(const char *param, const char *name)
{
    size_t n = strlen(name);
    return strncmp(param, name, n) == 0 && param[n] == '=' ? param + n + 1 : NULL;
}

const char *fastcgi_param(const struct conn *c, const char *name)
{
    for (size_t i = 0; i < c->n_params; i++)
        if (value_of(c->params[i], name))
            return value_of(c->params[i], name);
    return "";
}

int fastcgi_param_times(const struct conn *c, const char *name)
{
    int times = 0;
    for (size_t i = 0; i < c->n_params; i++)
        times += value_of(c->params[i], name) != NULL;
    return times;
}

const char *fastcgi_body(const struct conn *c, size_t *n)
{
    *n = c->request_body ? strlen(c->request_body) : 0;
    return c->request_body;
}

void fastcgi_reply(struct conn *c, const char *head, size_t head_n, const char *body, size_t body_n)
{
    if (c->state != CONN_BUSY)
        fail_msg("answered, but not waiting for an answer: %.*s", (int)head_n, head);
    add(&c->head, head, head_n);
    add(&c->body, body, body_n);
    c->state = CONN_ANSWERED;
    forget_request(c);
}

void fastcgi_stream(struct conn *c, const char *head, size_t head_n)
{
    assert_int_equal(c->state, CONN_BUSY);
    add(&c->head, head, head_n);
    c->state = CONN_STREAM;
    forget_request(c);
}

int fastcgi_send(struct conn *c, const unsigned char *record, size_t n)
{
    assert_int_equal(c->state, CONN_STREAM);
    if (c->is_queued)
        return -EAGAIN;
    if (c->is_broken)
        return -EPIPE;
    c->is_queued = c->is_stalled;
    add(&c->sent, record + FASTCGI_RECORD_HEADER, n - FASTCGI_RECORD_HEADER);
    return 0;
}

void fastcgi_stream_end(struct conn *c)
{
    assert_int_equal(c->state, CONN_STREAM);
    c->state = CONN_ENDED;
    c->owner = NULL;
}

/* ---- for the test: what nginx sends ---------------------------------------------------------- */

struct conn *fake_fastcgi_request(const char *method, const char *path, const char *query)
{
    struct conn *c = mem_calloc(1, sizeof *c);
    c->head.max = c->body.max = c->sent.max = c->sent_told.max = TEXT_MAX;
    c->request_body = mem_strdup("");
    LIST_INSERT_HEAD(&all, c, link);
    fake_fastcgi_add_param(c, "REQUEST_METHOD", method);
    fake_fastcgi_add_param(c, "DOCUMENT_URI", path);
    fake_fastcgi_add_param(c, "QUERY_STRING", query);
    fake_fastcgi_add_param(c, "REQUEST_ID", "request_1");
    return c;
}

void fake_fastcgi_add_param(struct conn *c, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *param = mem_alloc(size);
    snprintf(param, size, "%s=%s", name, value);
    assert_in_range(c->n_params, 0, PARAMS_MAX - 1);
    c->params[c->n_params++] = param;
}

void fake_fastcgi_set_body(struct conn *c, const char *content_type, const char *body)
{
    fake_fastcgi_add_param(c, "CONTENT_TYPE", content_type);
    free(c->request_body);
    c->request_body = body ? mem_strdup(body) : NULL;
}

void fake_fastcgi_hang_up(struct conn *c)
{
    const struct fastcgi_owner *owner = c->owner;
    forget_request(c);
    c->state = CONN_GONE;
    if (owner)
        owner->on_hangup(c->user);
}

/* ---- for the test: what is answered ---------------------------------------------------------- */

const char *fake_fastcgi_header(const struct conn *c, const char *name)
{
    static char value[512];
    size_t n = strlen(name);
    const char *line = c->head.data ? c->head.data : "";
    while (*line) {
        size_t line_n = strcspn(line, "\r");
        if (strncmp(line, name, n) == 0 && strncmp(line + n, ": ", 2) == 0) {
            snprintf(value, sizeof value, "%.*s", (int)(line_n - n - 2), line + n + 2);
            return value;
        }
        line += line_n;
        assert_memory_equal(line, "\r\n", 2);
        line += 2;
    }
    return "";
}

int fake_fastcgi_status(const struct conn *c)
{
    return (int)strtol(fake_fastcgi_header(c, "Status"), NULL, 10);
}

const char *fake_fastcgi_answer(const struct conn *c)
{
    return c->body.data ? c->body.data : "";
}

const char *fake_fastcgi_sent(struct conn *c)
{
    buf_release(&c->sent_told);
    c->sent_told = c->sent;
    c->sent = (struct buf)BUF_INIT(TEXT_MAX);
    return c->sent_told.data ? c->sent_told.data : "";
}

int fake_fastcgi_is_ended(const struct conn *c)
{
    return c->state == CONN_ENDED;
}

void fake_fastcgi_stall(struct conn *c)
{
    c->is_stalled = 1;
}

void fake_fastcgi_drain(struct conn *c)
{
    c->is_stalled = c->is_queued = 0;
    if (c->owner)
        c->owner->on_drained(c->user);
}

void fake_fastcgi_break(struct conn *c)
{
    c->is_broken = 1;
}

void fake_fastcgi_release(void)
{
    struct conn *c;
    size_t n_left = 0;
    while ((c = LIST_FIRST(&all))) {
        n_left += c->state == CONN_BUSY || c->state == CONN_STREAM;
        forget_request(c);
        buf_release(&c->head);
        buf_release(&c->body);
        buf_release(&c->sent);
        buf_release(&c->sent_told);
        LIST_REMOVE(c, link);
        free(c);
    }
    assert_int_equal(n_left, 0);
}
