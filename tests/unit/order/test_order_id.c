#include "tests/unit/support/test.h"

#include <string.h>

#include "order/order.h"

static void new_ids_have_their_form(void **state)
{
    (void)state;
    char id[ORDER_ID_SIZE];
    order_id_new(id);
    assert_int_equal(strlen(id), 6 + 2 + 20);
    assert_int_equal(strncmp(id, "order_00", 8), 0);
    assert_int_equal(strspn(id + 8, "abcdefghijklmnopqrstuvwxyz234567"), 20);
    assert_true(order_id_is_valid(id));
    assert_false(job_is_update(id));
    update_id_new(id);
    assert_int_equal(strlen(id), 7 + 2 + 20);
    assert_int_equal(strncmp(id, "update_00", 9), 0);
    assert_int_equal(strspn(id + 9, "abcdefghijklmnopqrstuvwxyz234567"), 20);
    assert_false(order_id_is_valid(id));
    assert_true(job_is_update(id));
}

static void ids_do_not_repeat(void **state)
{
    (void)state;
    enum { N = 500 };
    static char ids[N][ORDER_ID_SIZE];
    for (int i = 0; i < N; i++) {
        order_id_new(ids[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
}

static void validity_of_ids(void **state)
{
    static const struct {
        const char *id;
        int is_valid;
    } TABLE[] = {
        {"order_00abcdefghijklmnopqrst", 1},
        {"order_00aaaaaaaaaaaaaaaaaaaa", 1},
        {"order_0022222222222222227777", 1},
        {"", 0},
        {"o", 0},
        {"order_", 0},
        {"order_00", 0},
        {"order_00abcdefghijklmnopqrs", 0},   /* 19 */
        {"order_00abcdefghijklmnopqrstu", 0}, /* 21 */
        {"order_01abcdefghijklmnopqrst", 0},  /* no such shard */
        {"order_0abcdefghijklmnopqrstu", 0},
        {"Order_00abcdefghijklmnopqrst", 0},
        {"order_00ABCDEFGHIJKLMNOPQRST", 0},
        {"order_00abcdefghijklmnopqrs0", 0}, /* 0, 1, 8, 9 are not base32 */
        {"order_00abcdefghijklmnopqrs1", 0},
        {"order_00abcdefghijklmnopqrs8", 0},
        {"order_00abcdefghijklmnopqrs9", 0},
        {"order_00abcdefghijklmnopqr-t", 0},
        {"order_00abcdefghijklmnopqrs ", 0},
        {"order_00abcdefghijklmnopqrs\n", 0},
        {" order_00abcdefghijklmnopqrst", 0},
        {"order_00abcdefghijklmnopqrst ", 0},
        {"order_00abcdefghijklmnopqrs\xc3\xa9", 0},
        {"order_00abcdefgh*jklmnopqrst", 0},
        {"order-00abcdefghijklmnopqrst", 0},
        {"update_00abcdefghijklmnopqrst", 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (order_id_is_valid(guarded_text(TABLE[i].id)) != TABLE[i].is_valid)
            fail_msg("\"%s\"", TABLE[i].id);
}

static void jobs_are_told_apart_by_their_prefix(void **state)
{
    (void)state;
    assert_true(job_is_update("update_00abc"));
    assert_true(job_is_update("update_"));
    assert_false(job_is_update("update"));
    assert_false(job_is_update("order_00abc"));
    assert_false(job_is_update(""));
    assert_false(job_is_update(guarded_text("upd")));
}

static void ids_of_jobs(void **state)
{
    char id[ORDER_ID_SIZE];
    (void)state;
    order_id_new(id);
    assert_true(job_id_is_valid(id));
    update_id_new(id);
    assert_true(job_id_is_valid(guarded_text(id)));
    id[strlen(id) - 1] = '\0';
    assert_false(job_id_is_valid(guarded_text(id)));
    assert_false(job_id_is_valid("update_"));
    assert_false(job_id_is_valid(""));
    assert_false(job_id_is_valid("update_00abcdefghijklmnopqrstu"));
    assert_false(job_id_is_valid("update_01abcdefghijklmnopqrst"));
    assert_false(job_id_is_valid("worker_00abcdefghijklmnopqrst"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_ids_have_their_form),
        cmocka_unit_test(ids_do_not_repeat),
        cmocka_unit_test(validity_of_ids),
        cmocka_unit_test(jobs_are_told_apart_by_their_prefix),
        cmocka_unit_test(ids_of_jobs),
    };
    return cmocka_run_group_tests_name("order/order ids", tests, NULL, NULL);
}
