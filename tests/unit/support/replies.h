/* Redis replies made by hand, for whatever reads them:
 *
 *   reply_array(3, reply_text("begun"), reply_int(7), reply_nil())
 *   reply_words("id", "order_00…", "item", "Curry")      an array of strings
 *
 * All of them live until replies_free(), which suits a test's teardown. */
#ifndef TIFFIN_TESTS_SUPPORT_REPLIES_H
#define TIFFIN_TESTS_SUPPORT_REPLIES_H

#include <stddef.h>

typedef struct redisReply redis_reply;

redis_reply *reply_text(const char *text);
redis_reply *reply_bytes(const char *bytes, size_t n);
redis_reply *reply_status(const char *text);
redis_reply *reply_error(const char *text);
redis_reply *reply_int(long long value);
redis_reply *reply_nil(void);
redis_reply *reply_array(size_t n, ...);

/* An array of strings from a list; NULL stands for nil. */
redis_reply *reply_list(size_t n, const char *const words[]);
#define reply_words(...) \
    reply_list(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
               (const char *const[]){__VA_ARGS__})

/* Frees every reply made so far. */
void replies_free(void);
/* The same as a cmocka teardown. */
int replies_teardown(void **state);

#endif
