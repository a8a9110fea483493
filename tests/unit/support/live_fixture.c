#include "tests/unit/support/live_fixture.h"

#include <stdio.h>
#include <string.h>

#include "api/dispatch.h"
#include "api/live_status.h"
#include "order/order.h"
#include "tests/unit/support/test.h"

static const struct order_change LIFE[LIVE_LAST + 1] = {
    [1] = {1, ORDER_PLACED, PAYMENT_PENDING, KITCHEN_PENDING, "2026-11-22T11:00:01.000Z"},
    [2] = {2, ORDER_PLACED, PAYMENT_PAID, KITCHEN_PENDING, "2026-11-22T11:00:02.000Z"},
    [3] = {3, ORDER_PREPARING_FOOD, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, "2026-11-22T11:00:03.000Z"},
    [4] = {4, ORDER_QUALITY_CHECK, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, "2026-11-22T11:00:04.000Z"},
    [5] = {5, ORDER_OUT_FOR_DELIVERY, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED,
           "2026-11-22T11:00:05.000Z"},
    [6] = {6, ORDER_DELIVERED, PAYMENT_PAID, KITCHEN_ACKNOWLEDGED, "2026-11-22T11:00:06.000Z"},
};

/* ---- what Redis tells ------------------------------------------------------------------------ */

/* The order's hash as it is at this version. */
static redis_reply *order_at(int version)
{
    static char texts[LIVE_LAST + 1][2][96];
    const char *words[18 + 2 * LIVE_LAST] = {
        "id",         FIXTURE_ID,  "item",          "Curry",        "quantity",     "1",
        "version",    texts[0][0], "restaurant",    "Curry Palace", "currency",     "EUR",
        "created_at", LIFE[1].at,  "restaurant_id", "resto_123",    "amount_cents", "1299"};
    snprintf(texts[0][0], sizeof texts[0][0], "%d", version);
    size_t n = 18;
    for (int v = 1; v <= version; v++) {
        const struct order_change *c = &LIFE[v];
        snprintf(texts[v][0], sizeof texts[v][0], "v%d", v);
        snprintf(texts[v][1], sizeof texts[v][1], "%s %s %s %s", order_status_name(c->status),
                 payment_status_name(c->payment), kitchen_status_name(c->kitchen), c->at);
        words[n++] = texts[v][0];
        words[n++] = texts[v][1];
    }
    return reply_list(n, words);
}

void live_answer_read(int version)
{
    fake_rds_answer("HGETALL", order_at(version));
}

void live_tell_of(const char *id, int version)
{
    live_status_on_event(id, &LIFE[version]);
}

void live_tell(int version)
{
    live_tell_of(FIXTURE_ID, version);
}

/* ---- what the reader gets -------------------------------------------------------------------- */

/* Appends a word for one event of the stream. */
static void add_word(char *words, size_t size, const char *event)
{
    size_t n = strlen(words);
    char word[32] = "?";
    if (strncmp(event, "retry: ", 7) == 0)
        snprintf(word, sizeof word, "retry");
    else if (sscanf(event, "event: %31s", word) != 1)
        (void)sscanf(event, "id: %31s", word);
    snprintf(words + n, size - n, "%s%s", n ? " " : "", word);
}

void live_expect_events(struct conn *c, const char *expected)
{
    char words[256] = "", text[4096];
    snprintf(text, sizeof text, "%s", fake_fastcgi_sent(c));
    char *at = text, *stop;
    for (; (stop = strstr(at, "\n\n")); at = stop + 2) {
        *stop = '\0';
        add_word(words, sizeof words, at);
    }
    assert_string_equal(at, ""); /* whole events only */
    assert_string_equal(words, expected);
}

struct conn *live_open_after(const char *last_event_id)
{
    struct conn *c = fake_fastcgi_request("GET", LIVE_PATH, "");
    if (last_event_id)
        fake_fastcgi_add_param(c, "HTTP_LAST_EVENT_ID", last_event_id);
    dispatch(c);
    return c;
}

struct conn *live_follower(int version)
{
    char id[16];
    snprintf(id, sizeof id, "%d", version);
    struct conn *c = live_open_after(id);
    live_answer_read(version);
    live_expect_events(c, "retry");
    return c;
}

void live_expect_reading(size_t n)
{
    assert_int_equal(fake_rds_waiting(NULL), n);
    assert_int_equal(fake_rds_waiting("HGETALL"), n);
}
