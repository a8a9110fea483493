/* POST /new-update-and-broadcast, where it differs from placing an order (test_placing.c). */
#include "tests/unit/support/test.h"

#include <string.h>

#include "base/conf.h"
#include "tests/unit/support/api_fixture.h"

/* Arguments of the function `accept_update`, and a key (order/commands_order.c). */
enum { ARG_ID, ARG_MESSAGE, ARG_DELAY, ARG_FINGERPRINT, ARG_DEADLINE };
#define IDEMPOTENCY_KEY 4

static struct conn *update(void)
{
    return fixture_post("/new-update-and-broadcast", "{\"message\":\"Hello\"}");
}

static void an_update_is_accepted(void **state)
{
    (void)state;
    struct conn *c = update();
    const char *id = fake_rds_arg("accept_update", ARG_ID);
    assert_memory_equal(id, "update_", 7);
    assert_string_equal(fake_rds_arg("accept_update", ARG_MESSAGE), "Hello");
    fake_rds_answer("accept_update", reply_words("accepted", "update_00abcdefghijklmnopqrst"));
    fixture_expect(c, 202, "\"update_id\":\"update_00abcdefghijklmnopqrst\"");
}

static void too_many_updates_are_429(void **state)
{
    (void)state;
    struct conn *c = update();
    fake_rds_answer("accept_update", reply_words("full"));
    fixture_expect(c, 429, "Too many updates");
    assert_string_equal(fake_fastcgi_header(c, "Retry-After"), "4"); /* 1 s + broadcast_ms */
}

/* It may have been broadcast and forgotten before its lost answer is asked for again. */
static void a_short_lived_update_has_its_id_as_its_key(void **state)
{
    (void)state;
    struct conn *c = update();
    /* No fingerprint, so no key. */
    assert_string_equal(fake_rds_arg("accept_update", ARG_FINGERPRINT), "");
    fake_rds_answer("accept_update", reply_words("full"));
    fixture_expect(c, 429, "");

    conf.broadcast_ms = FIXTURE_TIMEOUT_MS - 1;
    c = update();
    const char *id = fake_rds_arg("accept_update", ARG_ID);
    assert_non_null(strstr(fake_rds_key("accept_update", IDEMPOTENCY_KEY), id));
    assert_int_equal(strlen(fake_rds_arg("accept_update", ARG_FINGERPRINT)), 32);
    fake_rds_answer("accept_update", reply_words("full"));
    fixture_expect(c, 429, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(an_update_is_accepted),
        WITH_API(too_many_updates_are_429),
        WITH_API(a_short_lived_update_has_its_id_as_its_key),
    };
    return cmocka_run_group_tests_name("api/updates", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
