#include "base/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define CHUNK_SIZE 4096
#define INT_SIZE 24 /* a 64-bit integer in decimal and its NUL */

struct command_chunk {
    struct command_chunk *next;
    char text[];
};

/* Only the head: what fills the struct's own arrays is never read before it is written. */
static void clear(struct redis_command *cmd)
{
    cmd->argv = NULL;
    cmd->lengths = NULL;
    cmd->n = cmd->capacity = 0;
    cmd->text = NULL;
    cmd->text_left = 0;
    cmd->chunks = NULL;
}

void command_begin(struct redis_command *cmd, const char *name)
{
    clear(cmd);
    command_add(cmd, name);
}

void command_set(struct redis_command *cmd, size_t n, const char *const argv[])
{
    clear(cmd);
    command_add_all(cmd, n, argv);
}

static void begin_fcall(struct redis_command *cmd, const char *how, const char *function,
                        size_t n_keys)
{
    command_begin(cmd, how);
    command_add(cmd, function);
    command_add_int(cmd, (int64_t)n_keys);
}

void command_fcall(struct redis_command *cmd, const char *function, size_t n_keys)
{
    begin_fcall(cmd, "FCALL", function, n_keys);
}

void command_fcall_ro(struct redis_command *cmd, const char *function, size_t n_keys)
{
    begin_fcall(cmd, "FCALL_RO", function, n_keys);
}

void command_release(struct redis_command *cmd)
{
    if (cmd->capacity > COMMAND_ARGS) {
        free(cmd->argv);
        free(cmd->lengths);
    }
    while (cmd->chunks) {
        struct command_chunk *chunk = cmd->chunks;
        cmd->chunks = chunk->next;
        free(chunk);
    }
    clear(cmd);
}

static void grow(struct redis_command *cmd)
{
    if (cmd->capacity == 0) {
        cmd->argv = cmd->own_argv;
        cmd->lengths = cmd->own_lengths;
        cmd->capacity = COMMAND_ARGS;
        return;
    }
    size_t capacity = 2 * cmd->capacity;
    int is_own = cmd->capacity == COMMAND_ARGS;
    cmd->argv = mem_realloc(is_own ? NULL : cmd->argv, capacity * sizeof *cmd->argv);
    cmd->lengths = mem_realloc(is_own ? NULL : cmd->lengths, capacity * sizeof *cmd->lengths);
    if (is_own) {
        memcpy(cmd->argv, cmd->own_argv, sizeof cmd->own_argv);
        memcpy(cmd->lengths, cmd->own_lengths, sizeof cmd->own_lengths);
    }
    cmd->capacity = capacity;
}

void command_add_bytes(struct redis_command *cmd, const char *bytes, size_t n)
{
    if (cmd->n == cmd->capacity)
        grow(cmd);
    cmd->argv[cmd->n] = bytes;
    cmd->lengths[cmd->n++] = n;
}

void command_add_all(struct redis_command *cmd, size_t n, const char *const texts[])
{
    for (size_t i = 0; i < n; i++)
        command_add(cmd, texts[i]);
}

static void add_room(struct redis_command *cmd, size_t n)
{
    if (!cmd->text && n <= COMMAND_TEXT) {
        cmd->text = cmd->own_text;
        cmd->text_left = COMMAND_TEXT;
        return;
    }
    size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
    struct command_chunk *chunk = mem_alloc(sizeof *chunk + size);
    chunk->next = cmd->chunks;
    cmd->chunks = chunk;
    cmd->text = chunk->text;
    cmd->text_left = size;
}

char *command_room(struct redis_command *cmd, size_t n)
{
    if (n > cmd->text_left)
        add_room(cmd, n);
    char *room = cmd->text;
    cmd->text += n;
    cmd->text_left -= n;
    return room;
}

void command_add_int(struct redis_command *cmd, int64_t n)
{
    char digits[INT_SIZE];
    char *at = digits + sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    *--at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10));
    if (n < 0)
        *--at = '-';
    size_t len = (size_t)(digits + sizeof digits - 1 - at);
    command_add_bytes(cmd, memcpy(command_room(cmd, len + 1), at, len + 1), len);
}

void command_join3(struct redis_command *cmd, const char *a, const char *b, const char *c)
{
    size_t n_a = strlen(a), n_b = strlen(b), n_c = strlen(c), n = n_a + n_b + n_c;
    char *joined = command_room(cmd, n + 1);
    memcpy(joined, a, n_a);
    memcpy(joined + n_a, b, n_b);
    memcpy(joined + n_a + n_b, c, n_c);
    joined[n] = '\0';
    command_add_bytes(cmd, joined, n);
}

void command_add_format(struct redis_command *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    char *text = command_room(cmd, (size_t)len + 1);
    *text = '\0';
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    command_add_bytes(cmd, text, (size_t)len);
}
