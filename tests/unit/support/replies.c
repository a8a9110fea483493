#include "tests/unit/support/replies.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

struct made {
    SLIST_ENTRY(made) link;
    redisReply reply;
};

static SLIST_HEAD(made_list, made) all = SLIST_HEAD_INITIALIZER(all);

static redisReply *make(int type)
{
    struct made *m = mem_calloc(1, sizeof *m);
    m->reply.type = type;
    SLIST_INSERT_HEAD(&all, m, link);
    return &m->reply;
}

static redisReply *make_string(int type, const char *bytes, size_t n)
{
    redisReply *reply = make(type);
    reply->str = mem_alloc(n + 1);
    memcpy(reply->str, bytes, n);
    reply->str[n] = '\0';
    reply->len = n;
    return reply;
}

redis_reply *reply_text(const char *text)
{
    return make_string(REDIS_REPLY_STRING, text, strlen(text));
}

redis_reply *reply_bytes(const char *bytes, size_t n)
{
    return make_string(REDIS_REPLY_STRING, bytes, n);
}

redis_reply *reply_status(const char *text)
{
    return make_string(REDIS_REPLY_STATUS, text, strlen(text));
}

redis_reply *reply_error(const char *text)
{
    return make_string(REDIS_REPLY_ERROR, text, strlen(text));
}

redis_reply *reply_int(long long value)
{
    redisReply *reply = make(REDIS_REPLY_INTEGER);
    reply->integer = value;
    return reply;
}

redis_reply *reply_nil(void)
{
    return make(REDIS_REPLY_NIL);
}

static redisReply *make_array(size_t n)
{
    redisReply *reply = make(REDIS_REPLY_ARRAY);
    reply->elements = n;
    reply->element = mem_calloc(n + 1, sizeof(redisReply *));
    return reply;
}

redis_reply *reply_array(size_t n, ...)
{
    redisReply *reply = make_array(n);
    va_list elements;
    va_start(elements, n);
    for (size_t i = 0; i < n; i++)
        reply->element[i] = va_arg(elements, redisReply *);
    va_end(elements);
    return reply;
}

redis_reply *reply_list(size_t n, const char *const words[])
{
    redisReply *reply = make_array(n);
    for (size_t i = 0; i < n; i++)
        reply->element[i] = words[i] ? reply_text(words[i]) : reply_nil();
    return reply;
}

void replies_free(void)
{
    struct made *m;
    while ((m = SLIST_FIRST(&all))) {
        SLIST_REMOVE_HEAD(&all, link);
        free(m->reply.str);
        free(m->reply.element);
        free(m);
    }
}

int replies_teardown(void **state)
{
    (void)state;
    replies_free();
    return 0;
}
