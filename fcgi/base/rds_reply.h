/* Typed access to replies of Redis, without a header of hiredis. A NULL reply is taken for
 * nil everywhere; what is returned lives as long as the reply. */
#ifndef TIFFIN_BASE_RDS_REPLY_H
#define TIFFIN_BASE_RDS_REPLY_H

#include <stddef.h>
#include <stdint.h>

struct redisReply;

size_t rds_len(const struct redisReply *reply); /* elements of an array, else 0 */
const struct redisReply *rds_at(const struct redisReply *reply, size_t i); /* NULL beyond */
const char *rds_str(const struct redisReply *reply); /* string or status; NULL for all else */
size_t rds_str_len(const struct redisReply *reply);  /* its bytes, else 0 */
/* Integer, or a string that is one. 0, or -EPROTO and *ret untouched. */
int rds_int(const struct redisReply *reply, int64_t *ret);
/* The same, but `fallback` for what is none. */
int64_t rds_int_or(const struct redisReply *reply, int64_t fallback);
/* The value of a field in a flat field-value array (HGETALL), NULL when absent. */
const char *rds_field(const struct redisReply *reply, const char *name);
/* That value as an integer; `fallback` when it is absent, or none. */
int64_t rds_field_int_or(const struct redisReply *reply, const char *name, int64_t fallback);

#endif
