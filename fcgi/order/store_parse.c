/* Reads the answers of the functions in redis/functions/. */
#include "order/store.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "order/keys.h"

const char *store_word(const struct redisReply *reply)
{
    const char *word = rds_str(rds_at(reply, 0));
    return word ? word : "";
}

static int word_is(const struct redisReply *reply, const char *word)
{
    return strcmp(store_word(reply), word) == 0;
}

int store_place_parse(const struct redisReply *reply, enum place_outcome *ret,
                      char ret_id[ORDER_ID_SIZE])
{
    static const struct {
        const char *word;
        enum place_outcome outcome;
    } WORDS[] = {
        {"placed", PLACE_DONE},     {"accepted", PLACE_DONE},
        {"replay", PLACE_REPLAY},   {"mismatch", PLACE_MISMATCH},
        {"late", PLACE_LATE},       {"no_restaurant", PLACE_NO_RESTAURANT},
        {"no_item", PLACE_NO_ITEM}, {"no_user", PLACE_NO_USER},
        {"busy", PLACE_BUSY},       {"full", PLACE_FULL},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (!word_is(reply, WORDS[i].word))
            continue;
        if (WORDS[i].outcome == PLACE_DONE || WORDS[i].outcome == PLACE_REPLAY) {
            const char *id = rds_str(rds_at(reply, 1));
            if (!id || text_copy(ret_id, ORDER_ID_SIZE, id))
                return -EPROTO;
        }
        *ret = WORDS[i].outcome;
        return 0;
    }
    return -EPROTO;
}

int store_cancel_parse(const struct redisReply *reply, enum cancel_outcome *ret)
{
    if (word_is(reply, "cancelled"))
        *ret = CANCEL_DONE;
    else if (word_is(reply, "not_found"))
        *ret = CANCEL_NOT_FOUND;
    else if (word_is(reply, "too_late"))
        *ret = CANCEL_TOO_LATE;
    else
        return -EPROTO;
    return 0;
}

const struct redisReply *store_events_entries(const struct redisReply *reply)
{
    return rds_at(rds_at(reply, 0), 1); /* [[stream, [[id, fields], …]]] */
}

static int copy_text(const struct redisReply *reply, char *out, size_t size)
{
    const char *text = rds_str(reply);
    return text && text_copy(out, size, text) == 0 ? 0 : -EPROTO;
}

int store_begin_parse(const struct redisReply *reply, struct job_begun *ret,
                      const char **ret_reason)
{
    const char *reason = rds_str(rds_at(reply, 1));
    if (word_is(reply, "gone"))
        return -ESTALE;
    if (word_is(reply, "dead") && reason) {
        *ret_reason = reason;
        return -ETIME;
    }
    int64_t tries;
    if (!word_is(reply, "begun") || rds_int(rds_at(reply, 1), &ret->epoch) ||
        rds_int(rds_at(reply, 3), &tries))
        return -EPROTO;
    ret->tries = (int)tries;
    int step = job_step_parse(rds_str(rds_at(reply, 2)));
    const char *status = rds_str(rds_at(reply, 4));
    if (step < 0 || !status || rds_int(rds_at(reply, 5), &ret->amount_cents) ||
        copy_text(rds_at(reply, 6), ret->currency, sizeof ret->currency) ||
        copy_text(rds_at(reply, 7), ret->payment_key, sizeof ret->payment_key))
        return -EPROTO;
    ret->step = (enum job_step)step;
    ret->is_cancelled = order_status_parse(status) == ORDER_CANCELLED;
    return 0;
}

const char *store_job_error(const struct redisReply *reply)
{
    return word_is(reply, "error") ? rds_str(rds_at(reply, 1)) : NULL;
}

int store_step_parse(const struct redisReply *reply, struct step_next *ret)
{
    if (word_is(reply, "fenced"))
        return -ESTALE;
    if (word_is(reply, "settled")) {
        ret->fate = FATE_SETTLED;
        return 0;
    }
    int step = job_step_parse(rds_str(rds_at(reply, 2)));
    if (step < 0)
        return -EPROTO;
    ret->step = (enum job_step)step;
    if (word_is(reply, "delayed")) {
        ret->fate = FATE_DELAYED;
        return 0;
    }
    if (!word_is(reply, "held"))
        return -EPROTO;
    ret->fate = FATE_HELD;
    return 0;
}

const char *store_library_version_expected(void)
{
    return LIBRARY_VERSION;
}

int store_library_version_ok(const struct redisReply *reply)
{
    const char *version = rds_str(reply);
    return version && strcmp(version, store_library_version_expected()) == 0;
}

int store_stats_parse(const struct redisReply *reply, struct store_stats *ret)
{
    if (word_is(reply, "changed"))
        return -EAGAIN;
    int64_t *const TO[] = {&ret->placed, &ret->settled,  &ret->updates_pending,
                           &ret->ready,  &ret->active,   &ret->delayed,
                           &ret->dead,   &ret->is_paused};
    if (!word_is(reply, "stats"))
        return -EPROTO;
    for (size_t i = 0; i < sizeof TO / sizeof TO[0]; i++)
        if (rds_int(rds_at(reply, i + 1), TO[i]))
            return -EPROTO;
    return 0;
}

int64_t store_stats_violations(const struct store_stats *s)
{
    int64_t owed = s->placed - s->settled + s->updates_pending;
    int64_t there = s->ready + s->active + s->delayed + s->dead;
    return owed > there ? owed - there : there - owed;
}
