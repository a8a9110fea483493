/* How many messages, by how long they may be. */
#include "tests/unit/support/test.h"

#include "order/chat.h"
#include "ws-bridge/chat_log.h"

static void kept_messages_fit_into_64_mb(void **state)
{
    (void)state;
    assert_int_equal(chat_log_kept(1), CHAT_KEPT);
    assert_int_equal(chat_log_kept(4096), CHAT_KEPT);
    assert_int_equal(chat_log_kept(8192), 8192);
    assert_int_equal(chat_log_kept(1 << 20), 64);
    assert_int_equal(chat_log_kept(16 << 20), 50); /* a few at least */
}

static void a_read_fits_into_64_mb(void **state)
{
    (void)state;
    assert_int_equal(chat_log_read_limit(100, 1), 100);
    assert_int_equal(chat_log_read_limit(100, 671088), 100);
    assert_int_equal(chat_log_read_limit(100, 671089), 99);
    assert_int_equal(chat_log_read_limit(3, 16 << 20), 3);
    assert_int_equal(chat_log_read_limit(100, 16 << 20), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_messages_fit_into_64_mb),
        cmocka_unit_test(a_read_fits_into_64_mb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
