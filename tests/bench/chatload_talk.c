#include "tests/bench/chatload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

void send_frame(struct client *c, int opcode, const char *payload, size_t n)
{
    static const char KEY[4] = {1, 2, 3, 4};
    char frame[66000];
    size_t at = 0;
    frame[at++] = (char)(0x80 | opcode);
    if (n < 126) {
        frame[at++] = (char)(0x80 | n);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(n >> 8);
        frame[at++] = (char)n;
    }
    memcpy(frame + at, KEY, 4);
    at += 4;
    for (size_t i = 0; i < n; i++)
        frame[at++] = (char)(payload[i] ^ KEY[i % 4]);
    ssize_t sent = send(c->fd, frame, at, MSG_NOSIGNAL);
    if (sent != (ssize_t)at) /* a full socket: too much for this tool */
        load.troubles[sent < 0 && errno != EAGAIN ? CUT : FULL]++;
}

/* The text holds when it was said first, so that a latency is that of all its attempts. */
static void say(struct client *c, long number, int64_t said_us)
{
    static char padding[65536];
    char text[65536], frame[66000];
    if (!padding[0])
        memset(padding, 'x', sizeof padding - 1);
    int n = snprintf(text, sizeof text, "%lld %d %ld ", (long long)said_us, c->number, number);
    int fill = option.size > n ? option.size - n : 0;
    n += snprintf(text + n, sizeof text - (size_t)n, "%.*s", fill, padding);
    if (!option.json) {
        send_frame(c, 0x1, text, (size_t)n);
        return;
    }
    n = snprintf(frame, sizeof frame, "{\"key\":\"%d-%ld-chatload-%lld\",\"text\":\"%s\"}",
                 c->number, number, (long long)load.began_us, text);
    send_frame(c, 0x1, frame, (size_t)n);
}

void say_next(struct client *c)
{
    int64_t now_us = clock_mono_us();
    if (option.json && c->unaccepted_us[c->n_sent % UNACCEPTED_MAX])
        return; /* so many before it wait for their answer */
    if (option.json) {
        c->unaccepted_us[c->n_sent % UNACCEPTED_MAX] = now_us;
        load.unaccepted++;
    }
    load.sent++;
    say(c, c->n_sent++, now_us);
}

void say_again(struct client *c, long number)
{
    if (!c->unaccepted_us[number % UNACCEPTED_MAX])
        return;
    load.said_again++;
    say(c, number, c->unaccepted_us[number % UNACCEPTED_MAX]);
}

void say_all_again(struct client *c)
{
    long first = c->n_sent > UNACCEPTED_MAX ? c->n_sent - UNACCEPTED_MAX : 0;
    for (long number = first; option.json && number < c->n_sent; number++)
        say_again(c, number);
}
