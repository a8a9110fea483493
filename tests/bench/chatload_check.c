/* Each text has its talker's own number and each message an id: by these is counted what was lost,
 * repeated and reordered. */
#include "tests/bench/chatload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void record(int64_t sent_us, int64_t now_us)
{
    int64_t ms = (now_us - sent_us) / 1000;
    load.latency[ms < 0 ? 0 : ms >= SLOTS ? SLOTS - 1 : ms]++;
}

static void check_row(long *last, long number)
{
    if (number > *last + 1)
        load.lost += number - *last - 1;
    else if (number == *last)
        load.repeated++;
    else if (number < *last)
        load.reordered++;
    *last = number;
}

/* "<us> <talker> <number> …" */
static void take_text(struct client *c, const char *text, int64_t now_us)
{
    char *end;
    int64_t sent_us = strtoll(text, &end, 10);
    long talker = strtol(end, &end, 10), number = strtol(end, &end, 10);
    if (sent_us < load.began_us || talker < 0 || talker >= option.talkers)
        return; /* another one's */
    check_row(&c->heard[talker], number);
    c->order = c->order * 1099511628211U + (uint64_t)(talker * 1000003 + number);
    c->n_seen++;
    load.seen++;
    load.last_seen_us = now_us;
    record(sent_us, now_us);
}

static int begins(const char *json, size_t n, const char *with)
{
    return n > strlen(with) && memcmp(json, with, strlen(with)) == 0;
}

/* The number in a key of ours, "<talker>-<number>-…"; -1 for none. */
static long number_of_key(const struct client *c, const char *json)
{
    const char *key = strstr(json, "\"key\":\"");
    char *end;
    if (!key || strtol(key + 7, &end, 10) != c->number || *end != '-')
        return -1;
    long number = strtol(end + 1, NULL, 10);
    return number < c->n_sent ? number : -1;
}

static void take_accepted(struct client *c, const char *json)
{
    long number = number_of_key(c, json);
    if (strstr(json, "\"repeated\":true"))
        load.stored_before++;
    if (number < 0 || !c->unaccepted_us[number % UNACCEPTED_MAX])
        return;
    c->unaccepted_us[number % UNACCEPTED_MAX] = 0;
    load.unaccepted--;
}

static void take_error(struct client *c, const char *json)
{
    enum trouble t = OTHER;
    for (int i = NOT_SENT; i < OTHER; i++) {
        char code[40];
        snprintf(code, sizeof code, "\"error\":\"%s\"", TROUBLE_NAMES[i]);
        if (strstr(json, code))
            t = (enum trouble)i;
    }
    load.troubles[t]++;
    long number = number_of_key(c, json);
    if (number >= 0 && t != OTHER)
        say_again(c, number);
}

/* One object, or a history frame with many; our own texts need no unescaping. */
static void take_json(struct client *c, char *json, size_t n, int64_t now_us)
{
    static const char ID[] = "\"id\":", TEXT[] = "\"text\":\"";
    char *at = json, *end = json + n;
    if (begins(json, n, "{\"type\":\"accepted\"")) {
        take_accepted(c, json);
        return;
    }
    if (begins(json, n, "{\"type\":\"error\"")) {
        take_error(c, json);
        return;
    }
    while ((at = memmem(at, (size_t)(end - at), ID, sizeof ID - 1))) {
        long id = strtol(at + sizeof ID - 1, NULL, 10);
        if (c->last_id >= 0)
            check_row(&c->last_id, id);
        c->last_id = id;
        char *text = memmem(at, (size_t)(end - at), TEXT, sizeof TEXT - 1);
        if (!text)
            return;
        at = text + sizeof TEXT - 1;
        take_text(c, at, now_us);
    }
}

static void take_frame(struct client *c, int opcode, char *payload, size_t n, int64_t now_us)
{
    char after = payload[n]; /* NUL-terminated for a moment */
    payload[n] = '\0';
    if (opcode == 0x9)
        send_frame(c, 0xa, payload, n);
    else if (opcode == 0x1 && option.json)
        take_json(c, payload, n, now_us);
    else if (opcode == 0x1 && n > 9 && memcmp(payload, "Message: ", 9) == 0)
        take_text(c, payload + 9, now_us);
    payload[n] = after;
}

/* All whole frames of the bytes. -> how many bytes they were */
size_t take_frames(struct client *c, char *bytes, size_t n)
{
    size_t done = 0;
    int64_t now_us = clock_mono_us();
    while (n - done >= 2) {
        const unsigned char *head = (const unsigned char *)bytes + done;
        size_t extra = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8, len = head[1];
        if (n - done < 2 + extra)
            break;
        for (size_t i = 0; i < extra; i++)
            len = (i ? len << 8 : 0) | head[2 + i];
        if (n - done < 2 + extra + len)
            break;
        take_frame(c, head[0] & 15, bytes + done + 2 + extra, len, now_us);
        done += 2 + extra + len;
    }
    return done;
}
