#include "base/rds_reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rds_internal.h"
#include "base/text.h"

size_t rds_len(const struct redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *rds_at(const struct redisReply *reply, size_t i)
{
    return i < rds_len(reply) ? reply->element[i] : NULL;
}

const char *rds_str(const struct redisReply *reply)
{
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return NULL;
    return reply->str;
}

size_t rds_str_len(const struct redisReply *reply)
{
    return rds_str(reply) ? (size_t)reply->len : 0;
}

int rds_int(const struct redisReply *reply, int64_t *ret)
{
    if (reply && reply->type == REDIS_REPLY_INTEGER) {
        *ret = reply->integer;
        return 0;
    }
    return text_to_int(rds_str(reply), ret);
}

int64_t rds_int_or(const struct redisReply *reply, int64_t fallback)
{
    int64_t value;
    return rds_int(reply, &value) ? fallback : value;
}

const char *rds_field(const struct redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < rds_len(reply); i += 2) {
        const char *field = rds_str(rds_at(reply, i));
        if (field && strcmp(field, name) == 0)
            return rds_str(rds_at(reply, i + 1));
    }
    return NULL;
}

int64_t rds_field_int_or(const struct redisReply *reply, const char *name, int64_t fallback)
{
    return text_to_int_or(rds_field(reply, name), fallback);
}

redisReply *rds_reply_copy(const redisReply *reply)
{
    redisReply *copy = mem_calloc(1, sizeof *copy);
    copy->type = reply->type;
    copy->integer = reply->integer;
    copy->len = reply->len;
    if (reply->str) {
        copy->str = mem_alloc((size_t)reply->len + 1);
        memcpy(copy->str, reply->str, (size_t)reply->len + 1);
    }
    copy->elements = reply->elements;
    if (reply->elements)
        copy->element = mem_calloc(reply->elements, sizeof(redisReply *));
    for (size_t i = 0; i < reply->elements; i++)
        copy->element[i] = rds_reply_copy(reply->element[i]);
    return copy;
}

void rds_reply_free(redisReply *copy)
{
    if (!copy)
        return;
    for (size_t i = 0; i < copy->elements; i++)
        rds_reply_free(copy->element[i]);
    free(copy->element);
    free(copy->str);
    free(copy);
}
