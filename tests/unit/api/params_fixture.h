/* What the tests of params.c share; one of them is a program. */
#ifndef TIFFIN_TESTS_API_PARAMS_FIXTURE_H
#define TIFFIN_TESTS_API_PARAMS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/params.h"
#include "tests/unit/support/test.h"

static struct params params;

static const struct param_rule RULES[] = {
    {"restaurant_id", PARAM_STRING},
    {"item", PARAM_STRING},
    {"quantity", PARAM_INTEGER},
    {"a", PARAM_STRING},
    {"b", PARAM_STRING},
    {"n", PARAM_INTEGER},
    {"hint", PARAM_HINT},
    {NULL, PARAM_STRING},
};

static int forget(void **state)
{
    (void)state;
    params_release(&params);
    params_init(&params, RULES);
    return 0;
}

/* "name=value;name=value;" of what is held, in the rules' order. */
static const char *held(void)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; RULES[i].name; i++)
        if (params.values[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "%s=%s;", RULES[i].name,
                                  params.values[i]);
    return text;
}

/* A failure says why in one line that can be shown. */
static void assert_has_error(void)
{
    size_t n = strlen(params.error);
    assert_in_range(n, 1, PARAM_ERROR_SIZE - 1);
    assert_null(strchr(params.error, '\n'));
}

/* A body is bytes and a NUL, as fastcgi.c gives it. */
static int add_body(const char *type, const char *body, size_t n)
{
    char *copy = malloc(n + 1);
    memcpy(copy, body, n);
    copy[n] = '\0';
    int status = params_add_body(&params, type, guarded(copy, n + 1), n);
    free(copy);
    return status;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, forget, forget)

#endif
