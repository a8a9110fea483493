#include "tests/unit/support/test.h"

#include <string.h>

#include "base/random.h"

#define ALPHABET "abcdefghijklmnopqrstuvwxyz234567"

static void base32_has_its_length_and_alphabet(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 200; n++) {
        char out[256];
        memset(out, '#', sizeof out);
        random_base32(out, n);
        assert_int_equal(strlen(out), n);
        assert_int_equal(strspn(out, ALPHABET), n);
        assert_int_equal(out[n + 1], '#'); /* nothing beyond the NUL */
    }
}

static void base32_uses_every_letter_evenly(void **state)
{
    (void)state;
    enum { N = 32 * 1000 };
    static char out[N + 1];
    int counts[256] = {0};
    random_base32(out, N);
    for (size_t i = 0; i < N; i++)
        counts[(unsigned char)out[i]]++;
    /* 1000 expected of each, standard deviation 31: eight of them is never by chance */
    for (const char *c = ALPHABET; *c; c++)
        assert_in_range(counts[(unsigned char)*c], 750, 1250);
}

static void base32_does_not_repeat_itself(void **state)
{
    (void)state;
    enum { N = 500 };
    static char seen[N][21];
    for (int i = 0; i < N; i++) {
        random_base32(seen[i], 20);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

static void unit_lies_in_its_interval(void **state)
{
    (void)state;
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double value = random_unit();
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(sum > 4700 && sum < 5300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base32_has_its_length_and_alphabet),
        cmocka_unit_test(base32_uses_every_letter_evenly),
        cmocka_unit_test(base32_does_not_repeat_itself),
        cmocka_unit_test(unit_lies_in_its_interval),
    };
    return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
