/* conf_secret(): a user's password out of its file. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"

static char secrets[64];

static int make_secrets(void **state)
{
    (void)state;
    snprintf(secrets, sizeof secrets, "/tmp/tiffin-unit-XXXXXX");
    conf.secrets_dir = mkdtemp(secrets);
    return conf.secrets_dir ? 0 : -1;
}

static int remove_secrets(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/api", secrets);
    unlink(path);
    return rmdir(secrets);
}

static void write_secret(const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/api", secrets);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void secret_is_the_first_line(void **state)
{
    static const struct {
        const char *content;
        int err;
        const char *secret;
    } TABLE[] = {
        {"pass", 0, "pass"},         {"pass\n", 0, "pass"},
        {"pass\r\n", 0, "pass"},     {"pass word\n", 0, "pass word"},
        {"pass\nmore\n", 0, "pass"}, {"", -ENODATA, NULL},
        {"\n", -ENODATA, NULL},      {"\r\n", -ENODATA, NULL},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++) {
        char out[64] = "";
        write_secret(TABLE[i].content);
        assert_int_equal(conf_secret("api", out, sizeof out), TABLE[i].err);
        if (!TABLE[i].err)
            assert_string_equal(out, TABLE[i].secret);
    }
}

static void secret_that_is_missing(void **state)
{
    (void)state;
    char out[64];
    assert_int_equal(conf_secret("api", out, sizeof out), -ENOENT);
    conf.secrets_dir = "/nowhere/at/all";
    assert_int_equal(conf_secret("api", out, sizeof out), -ENOENT);
}

static void secret_with_too_long_a_path(void **state)
{
    (void)state;
    char out[64], user[PATH_MAX];
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    assert_int_equal(conf_secret(user, out, sizeof out), -ENAMETOOLONG);
}

#define WITH_SECRETS(test) cmocka_unit_test_setup_teardown(test, make_secrets, remove_secrets)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SECRETS(secret_is_the_first_line),
        WITH_SECRETS(secret_that_is_missing),
        WITH_SECRETS(secret_with_too_long_a_path),
    };
    return cmocka_run_group_tests_name("base/conf secrets", tests, NULL, NULL);
}
