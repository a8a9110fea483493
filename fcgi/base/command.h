/* A Redis command in the making: its arguments with their lengths, as rds.h and rds_sync.h send
 * it. Common commands fit into the struct itself, so building one allocates nothing; longer ones
 * grow on the heap.
 *
 *   struct redis_command cmd;
 *   command_begin(&cmd, "HGET");
 *   command_join(&cmd, "order:", id);
 *   command_add(&cmd, "status");
 *   rds_send(r, &cmd, fn, arg);      or: reply = rds_sync_call(r, &cmd);
 *
 * Every way of sending releases the command; one that is not sent is released by
 * command_release(). The struct points into itself: it must not be copied. One of zeros is
 * empty. */
#ifndef TIFFIN_BASE_COMMAND_H
#define TIFFIN_BASE_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COMMAND_ARGS 32  /* arguments, and … */
#define COMMAND_TEXT 768 /* … bytes of made texts that fit without an allocation */

struct redis_command {
    const char **argv; /* n arguments; valid until the command is changed or released */
    size_t *lengths;   /* bytes of each */
    size_t n, capacity;
    char *text; /* where the next made text goes */
    size_t text_left;
    struct command_chunk *chunks; /* more room for texts */
    const char *own_argv[COMMAND_ARGS];
    size_t own_lengths[COMMAND_ARGS];
    char own_text[COMMAND_TEXT];
};

/* Starts a command in a struct that may be uninitialized, with its first argument. */
void command_begin(struct redis_command *cmd, const char *name);
/* Starts it with all its arguments: n C strings, borrowed. */
void command_set(struct redis_command *cmd, size_t n, const char *const argv[]);
/* FCALL of a function with so many keys, which are added next, then its arguments. */
void command_fcall(struct redis_command *cmd, const char *function, size_t n_keys);
/* FCALL_RO: the same of a function that only reads. */
void command_fcall_ro(struct redis_command *cmd, const char *function, size_t n_keys);
/* Frees what has grown; the struct may be begun again. */
void command_release(struct redis_command *cmd);

/* The bytes are borrowed until the command is sent; they may be any. */
void command_add_bytes(struct redis_command *cmd, const char *bytes, size_t n);
/* A C string, borrowed until the command is sent. */
static inline void command_add(struct redis_command *cmd, const char *text)
{
    command_add_bytes(cmd, text, strlen(text));
}
void command_add_all(struct redis_command *cmd, size_t n, const char *const texts[]);
/* The same of texts that are listed: command_add_list(cmd, "COUNT", "1"). */
#define command_add_list(cmd, ...) \
    command_add_all((cmd), sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
                    (const char *const[]){__VA_ARGS__})

/* These keep the text themselves. */
void command_add_int(struct redis_command *cmd, int64_t n);
void command_join3(struct redis_command *cmd, const char *a, const char *b, const char *c);
static inline void command_join(struct redis_command *cmd, const char *prefix, const char *text)
{
    command_join3(cmd, prefix, text, "");
}
void command_add_format(struct redis_command *cmd, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for n bytes that lives as long as the command and is no argument by itself. */
char *command_room(struct redis_command *cmd, size_t n);

#endif
