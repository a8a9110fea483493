/* The parameters of a request. The input's first byte says what the rest is:
 *
 *   q  a query         f  a form body      j  a JSON body
 *   b  a query, a newline, a JSON body: both of one request
 *   e  an If-None-Match header */
#include <string.h>

#include "api/etag.h"
#include "api/params.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text)
{
    MUST(utf8_length(text, strlen(text)) >= 0);
    MUST(!utf8_has_control(text, strlen(text)));
}

static const struct param_rule RULES[] = {
    {"restaurant_id", PARAM_STRING},
    {"item", PARAM_STRING},
    {"quantity", PARAM_INTEGER},
    {"user_id", PARAM_STRING},
    {"message", PARAM_STRING},
    {"last_event_id", PARAM_HINT},
    {NULL, PARAM_STRING},
};

static void check(struct params *p, int status)
{
    static const struct param_int QUANTITY = {.min = -5, .max = 20, .fallback = 1};
    int number = 77;
    MUST(status == 0 || status == 400 || status == 415 || status == 422);
    if (status)
        MUST(p->error[0] != '\0' && memchr(p->error, '\0', sizeof p->error));
    for (size_t i = 0; RULES[i].name; i++) {
        if (p->values[i])
            check_text(p->values[i]);
        MUST(params_get(p, RULES[i].name) == p->values[i]);
    }
    if (params_get_int(p, "quantity", &QUANTITY, &number) == 0)
        MUST(number >= -5 && number <= 20);
    else
        MUST(number == 77);
}

static int add_both(struct params *p, char *text, size_t n)
{
    char *body = memchr(text, '\n', n);
    if (!body)
        return params_add_query(p, text);
    *body++ = '\0';
    int status = params_add_query(p, text);
    return status ? status
                  : params_add_body(p, "application/json", body, n - (size_t)(body - text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct params p;
    params_init(&p, RULES);
    size_t n = size - 1;
    char *text = malloc(n + 1); /* of its exact size, so that reading beyond is seen */
    memcpy(text, data + 1, n);
    text[n] = '\0';
    switch (data[0]) {
    case 'q':
        check(&p, params_add_query(&p, text));
        break;
    case 'f':
        check(&p, params_add_body(&p, "application/x-www-form-urlencoded", text, n));
        break;
    case 'j':
        check(&p, params_add_body(&p, "application/json; charset=utf-8", text, n));
        break;
    case 'b':
        check(&p, add_both(&p, text, n));
        break;
    case 'e':
        (void)etag_matches(text, 3);
        break;
    default:
        check(&p, params_add_body(&p, text, text, n));
        (void)text_is_token(text, 1, 64);
        (void)text_is_key(text);
        break;
    }
    params_release(&p);
    free(text);
    return 0;
}
