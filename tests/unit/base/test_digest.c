/* Digests of texts that the standard names. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "base/digest.h"

/* FIPS 180-4's examples. */
static void sha256_of_known_texts(void **state)
{
    static const struct {
        const char *text, *hex;
    } TABLE[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        char hex[DIGEST_SHA256_HEX_SIZE];
        digest_sha256_hex(TABLE[i].text, strlen(TABLE[i].text), hex);
        assert_string_equal(hex, TABLE[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
    };
    return cmocka_run_group_tests_name("base/digest", tests, NULL, NULL);
}
