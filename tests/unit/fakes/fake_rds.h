/* In the place of a connection to Redis (base/rds.c, base/rds_commands.c): commands are kept until
 * the test answers them, in any order it likes, or says how they were lost.
 *
 *   runner_claimed(w, id);                                   the code under test sends "begin"
 *   fake_rds_answer("begin", reply_words("gone"));           and gets this
 *   fake_rds_fail("step", RDS_LOST, "the connection broke");
 *
 * A command is named by its function (begin, take …) or, when it is no FCALL, by its own name
 * (LRANGE, BLMOVE …). It stays with its connection until it is answered, also when it was
 * cancelled, as at the real Redis; then the answer calls nothing. */
#ifndef TIFFIN_TESTS_FAKES_FAKE_RDS_H
#define TIFFIN_TESTS_FAKES_FAKE_RDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rds.h"

/* How many commands of this name wait for their answer; NULL: of any. */
size_t fake_rds_waiting(const char *name);
/* An argument of the oldest of them: behind the keys of a function, or behind the command's name.
 * Fails the test when there is none, "" beyond the last. Valid until that command is answered. */
const char *fake_rds_arg(const char *name, size_t i);
/* The same as a number; fails the test when it is none. */
int64_t fake_rds_arg_int(const char *name, size_t i);
/* The same of the keys of a function. */
const char *fake_rds_key(const char *name, size_t i);
/* The client_name of the connection that the oldest of them was sent on. */
const char *fake_rds_client(const char *name);

/* Completes the oldest of them; its callback runs before these return. They fail the test when
 * there is none. */
void fake_rds_answer(const char *name, const struct redisReply *reply);
void fake_rds_fail(const char *name, enum rds_outcome outcome, const char *text);

/* Connections are up when they are made. Tells on_state of a change. */
void fake_rds_set_up(struct rds *r, int is_up);
/* What rds_now_ms() says from now on; until the first call it is our own wall clock. */
void fake_rds_set_now(struct rds *r, int64_t ms);
/* How often rds_ask_time() was called. */
int fake_rds_asked_time(const struct rds *r);

#endif
