#include "order/key_kind.h"

#include <string.h>

#include "order/keys.h"

/* What stands after the prefix; NULL when the key does not begin with it. */
static const char *after(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

static int ends_in(const char *text, const char *suffix)
{
    size_t n = strlen(text), n_suffix = strlen(suffix);
    return n > n_suffix && strcmp(text + n - n_suffix, suffix) == 0;
}

static enum key_kind kind_in_shard(const struct keys *k, const char *key, const char **ret_id)
{
    const struct {
        const char *prefix;
        const char *suffix;
        enum key_kind kind;
    } FORMS[] = {
        {k->order_of, "", KEY_KIND_ORDER},
        {k->update_of, "", KEY_KIND_UPDATE},
        {k->active_of, "", KEY_KIND_ACTIVE},
        {k->idempotency_of, "", KEY_KIND_IDEMPOTENCY},
        {k->user_of, KEY_USER_ORDERS_SUFFIX, KEY_KIND_USER_ORDERS},
        {k->ledger_of, "", KEY_KIND_LEDGER},
    };
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        const char *id = after(key, FORMS[i].prefix);
        if (id && (!*FORMS[i].suffix || ends_in(id, FORMS[i].suffix))) {
            *ret_id = id;
            return FORMS[i].kind;
        }
    }
    return KEY_KIND_OTHER;
}

enum key_kind key_kind(const char *key, const char **ret_id, size_t *ret_len)
{
    enum key_kind kind = KEY_KIND_OTHER;
    const char *id = "";
    for (int shard = 0; shard < SHARD_COUNT && kind == KEY_KIND_OTHER; shard++)
        kind = kind_in_shard(keys_of(shard), key, &id);
    *ret_id = id;
    *ret_len = strlen(id) - (kind == KEY_KIND_USER_ORDERS ? strlen(KEY_USER_ORDERS_SUFFIX) : 0);
    return kind;
}
