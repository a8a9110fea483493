#include "tests/unit/support/test.h"

#include <string.h>

#include "order/key_kind.h"

static void keys_and_what_they_are_of(void **state)
{
    static const struct {
        const char *key;
        enum key_kind kind;
        const char *id;
    } TABLE[] = {
        {"order:{s00}:order_00x", KEY_KIND_ORDER, "order_00x"},
        {"update:{s00}:update_00x", KEY_KIND_UPDATE, "update_00x"},
        {"jobs:{s00}:active:w1", KEY_KIND_ACTIVE, "w1"},
        {"jobs:{s00}:active:", KEY_KIND_ACTIVE, ""},
        {"idem:{s00}:k", KEY_KIND_IDEMPOTENCY, "k"},
        {"gateway:{s00}:pay_x", KEY_KIND_LEDGER, "pay_x"},
        {"user:{s00}:123:orders", KEY_KIND_USER_ORDERS, "123"},
        {"user:{s00}:a:orders:orders", KEY_KIND_USER_ORDERS, "a:orders"},
        {"user:{s00}:123", KEY_KIND_OTHER, ""},
        {"user:{s00}:orders", KEY_KIND_OTHER, ""},
        {"user:{s00}::orders", KEY_KIND_OTHER, ""},
        {"jobs:{s00}:ready", KEY_KIND_OTHER, ""},
        {"orders:{s00}:index", KEY_KIND_OTHER, ""},
        {"order:{s01}:order_01x", KEY_KIND_OTHER, ""},
        {"xorder:{s00}:order_00x", KEY_KIND_OTHER, ""},
        {"", KEY_KIND_OTHER, ""},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        const char *id = NULL;
        size_t n = 99;
        if (key_kind(TABLE[i].key, &id, &n) != TABLE[i].kind)
            fail_msg("%s is taken for something else", TABLE[i].key);
        assert_int_equal(n, strlen(TABLE[i].id));
        assert_memory_equal(id, TABLE[i].id, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_what_they_are_of),
    };
    return cmocka_run_group_tests_name("order/key_kind", tests, NULL, NULL);
}
