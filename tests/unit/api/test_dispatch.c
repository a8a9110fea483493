/* From a FastCGI request to its handler: what is refused before, and what the deadline and a client
 * who leaves do to one that waits. */
#include "tests/unit/support/test.h"

#include <string.h>

#include "api/dispatch.h"
#include "base/conf.h"
#include "base/metrics.h"
#include "tests/unit/support/api_fixture.h"

#define ORDER "{\"restaurant_id\":\"resto_123\",\"item\":\"Curry\"}"

static struct conn *request(const char *method, const char *path)
{
    struct conn *c = fake_fastcgi_request(method, path, "");
    dispatch(c);
    return c;
}

/* POST /order with one header more, not dispatched yet. */
static struct conn *order_with(const char *name, const char *value)
{
    struct conn *c = fake_fastcgi_request("POST", "/order", "");
    fake_fastcgi_set_body(c, "application/json", ORDER);
    fake_fastcgi_add_param(c, "HTTP_HOST", "tiffin.example");
    fake_fastcgi_add_param(c, name, value);
    return c;
}

static void expect_refused(struct conn *c, int status, const char *text)
{
    dispatch(c);
    fixture_expect(c, status, text);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

/* It came to its handler, which asks Redis; the client leaves it there. */
static void expect_accepted(struct conn *c)
{
    dispatch(c);
    fixture_pass(0);
    assert_int_equal(fake_fastcgi_status(c), 0);
    assert_int_equal(fake_rds_waiting("place_orders"), 1);
    fake_fastcgi_hang_up(c);
    fake_rds_fail("place_orders", RDS_LOST, "the test goes on");
}

/* ---- routes ---------------------------------------------------------------------------------- */

static void an_unknown_path_is_404(void **state)
{
    (void)state;
    struct conn *c = request("GET", "/nowhere");
    fixture_expect(c, 404, "\"error\":\"No such resource\"");
    fixture_expect(c, 404, "\"request_id\":\"request_1\"");
    assert_string_equal(fake_fastcgi_header(c, "Content-Type"), "application/problem+json");
    assert_string_equal(fake_fastcgi_header(c, "Cache-Control"), "no-store");
    assert_int_equal(metric_values[M_REQUESTS_4XX], 1);
}

static void a_wrong_method_is_405_and_told_the_right_ones(void **state)
{
    (void)state;
    struct conn *c = request("DELETE", "/order/" FIXTURE_ID);
    fixture_expect(c, 405, "Use GET, HEAD.");
    assert_string_equal(fake_fastcgi_header(c, "Allow"), "GET, HEAD");
    c = request("GET", "/order");
    fixture_expect(c, 405, "Use POST.");
    assert_string_equal(fake_fastcgi_header(c, "Allow"), "POST");
}

static void an_id_that_no_order_can_have_is_404(void **state)
{
    char path[200] = "/order/";
    (void)state;
    memset(path + strlen(path), 'a', 150);
    path[157] = '\0';
    fixture_expect(request("GET", path), 404, "Order not found");
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

static void head_has_the_head_of_get_and_no_body(void **state)
{
    (void)state;
    struct conn *c = request("HEAD", "/order/" FIXTURE_ID);
    fake_rds_answer("HGETALL", reply_array(0));
    fixture_expect(c, 404, "");
    assert_string_not_equal(fake_fastcgi_header(c, "Content-Length"), "0");
    assert_string_equal(fake_fastcgi_answer(c), "");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void another_sites_page_may_not_post(void **state)
{
    (void)state;
    expect_refused(order_with("HTTP_SEC_FETCH_SITE", "cross-site"), 403, "other sites");
    expect_refused(order_with("HTTP_ORIGIN", "https://elsewhere.example"), 403, "other sites");
    expect_accepted(order_with("HTTP_SEC_FETCH_SITE", "same-origin"));
    conf.origins = "https://elsewhere.example";
    expect_accepted(order_with("HTTP_ORIGIN", "https://elsewhere.example"));
}

static void an_origin_that_came_twice_is_foreign(void **state)
{
    (void)state;
    struct conn *c = order_with("HTTP_ORIGIN", "https://tiffin.example");
    fake_fastcgi_add_param(c, "HTTP_ORIGIN", "https://tiffin.example");
    expect_refused(c, 403, "other sites");
}

static void reading_is_for_every_site(void **state)
{
    (void)state;
    struct conn *c = fake_fastcgi_request("GET", "/order/" FIXTURE_ID, "");
    fake_fastcgi_add_param(c, "HTTP_SEC_FETCH_SITE", "cross-site");
    dispatch(c);
    fake_rds_answer("HGETALL", reply_array(0));
    fixture_expect(c, 404, "Order not found");
}

static void a_body_that_is_too_large_is_413(void **state)
{
    (void)state;
    struct conn *c = order_with("HTTP_ACCEPT", "*/*");
    fake_fastcgi_set_body(c, "application/json", NULL);
    expect_refused(c, 413, "At most 65536 bytes.");
}

static void an_encoded_body_is_415(void **state)
{
    (void)state;
    struct conn *c = order_with("HTTP_CONTENT_ENCODING", "gzip");
    expect_refused(c, 415, "without a Content-Encoding");
    assert_string_equal(fake_fastcgi_header(c, "Accept-Encoding"), "identity");
    c = order_with("HTTP_CONTENT_ENCODING", "identity");
    fake_fastcgi_add_param(c, "HTTP_CONTENT_ENCODING", "identity");
    expect_refused(c, 415, "without a Content-Encoding");
    expect_accepted(order_with("HTTP_CONTENT_ENCODING", "Identity"));
    c = order_with("HTTP_CONTENT_ENCODING", "gzip");
    fake_fastcgi_set_body(c, "", "");
    expect_refused(c, 422, "restaurant_id and item are required"); /* nothing is encoded */
}

static void parameters_that_cannot_be_read(void **state)
{
    (void)state;
    struct conn *c = order_with("HTTP_ACCEPT", "*/*");
    fake_fastcgi_set_body(c, "application/json", "{\"item\":");
    expect_refused(c, 400, "\"status\":400");
    c = fake_fastcgi_request("POST", "/order", "");
    fake_fastcgi_set_body(c, "text/csv", ORDER);
    expect_refused(c, 415, "\"status\":415");
    c = fake_fastcgi_request("POST", "/order", "quantity=1");
    fake_fastcgi_set_body(c, "application/json", "{\"quantity\":1}");
    expect_refused(c, 422, "quantity");
}

static void routes_without_parameters_read_none(void **state)
{
    (void)state;
    struct conn *c = fake_fastcgi_request("POST", "/order/" FIXTURE_ID "/cancel", "%zz");
    fake_fastcgi_set_body(c, "application/json", NULL);
    dispatch(c);
    fake_rds_answer("cancel", reply_words("not_found"));
    fixture_expect(c, 404, "Order not found");
}

/* ---- deadline -------------------------------------------------------------------------------- */

static void a_request_that_waits_is_answered_at_its_deadline(void **state)
{
    (void)state;
    struct conn *c = request("GET", "/order/" FIXTURE_ID);
    fixture_pass(FIXTURE_TIMEOUT_MS - 1);
    assert_int_equal(fake_fastcgi_status(c), 0);
    fixture_pass(1);
    fixture_expect(c, 503, "The answer took too long.");
    assert_string_equal(fake_fastcgi_header(c, "Retry-After"), "1");
    assert_int_equal(metric_values[M_REQUESTS], 1);
    assert_int_equal(metric_values[M_REQUESTS_5XX], 1);
    fake_rds_answer("HGETALL", reply_array(0)); /* too late: must not be answered again */
}

static void a_simulated_wait_is_added_to_the_deadline(void **state)
{
    (void)state;
    conf.db_ms = 500;
    struct conn *c = request("GET", "/restaurants/resto_123");
    assert_int_equal(fake_rds_waiting(NULL), 0);
    fixture_pass(500);
    assert_int_equal(fake_rds_waiting("HMGET"), 1);
    fixture_pass(FIXTURE_TIMEOUT_MS - 1);
    assert_int_equal(fake_fastcgi_status(c), 0);
    fixture_pass(1);
    fixture_expect(c, 503, "The answer took too long.");
}

static void an_answer_stops_the_deadline(void **state)
{
    (void)state;
    struct conn *c = request("GET", "/order/" FIXTURE_ID);
    fake_rds_answer("HGETALL", reply_array(0));
    fixture_expect(c, 404, "Order not found");
    fixture_pass(FIXTURE_TIMEOUT_MS);
    assert_int_equal(metric_values[M_REQUESTS], 1);
}

static void what_answers_at_once_needs_neither_redis_nor_time(void **state)
{
    (void)state;
    fake_rds_set_up(api.rds, 0);
    fixture_expect(request("GET", "/healthz"), 200, "");
}

/* ---- hang-up --------------------------------------------------------------------------------- */

static void a_client_who_leaves_cancels_what_it_waits_for(void **state)
{
    (void)state;
    struct conn *c = request("GET", "/order/" FIXTURE_ID);
    fake_fastcgi_hang_up(c);
    assert_int_equal(metric_values[M_REQUESTS_ABORTED], 1);
    fake_rds_answer("HGETALL", reply_array(0));
    fixture_pass(FIXTURE_TIMEOUT_MS);
    assert_int_equal(metric_values[M_REQUESTS], 0);
}

static void a_client_who_leaves_during_a_simulated_wait_asks_nothing(void **state)
{
    (void)state;
    conf.db_ms = 500;
    struct conn *c = request("GET", "/restaurants/resto_123");
    fake_fastcgi_hang_up(c);
    fixture_pass(FIXTURE_TIMEOUT_MS + 500);
    assert_int_equal(fake_rds_waiting(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(an_unknown_path_is_404),
        WITH_API(a_wrong_method_is_405_and_told_the_right_ones),
        WITH_API(an_id_that_no_order_can_have_is_404),
        WITH_API(head_has_the_head_of_get_and_no_body),
        WITH_API(another_sites_page_may_not_post),
        WITH_API(an_origin_that_came_twice_is_foreign),
        WITH_API(reading_is_for_every_site),
        WITH_API(a_body_that_is_too_large_is_413),
        WITH_API(an_encoded_body_is_415),
        WITH_API(parameters_that_cannot_be_read),
        WITH_API(routes_without_parameters_read_none),
        WITH_API(a_request_that_waits_is_answered_at_its_deadline),
        WITH_API(a_simulated_wait_is_added_to_the_deadline),
        WITH_API(an_answer_stops_the_deadline),
        WITH_API(what_answers_at_once_needs_neither_redis_nor_time),
        WITH_API(a_client_who_leaves_cancels_what_it_waits_for),
        WITH_API(a_client_who_leaves_during_a_simulated_wait_asks_nothing),
    };
    return cmocka_run_group_tests_name("api/dispatch", tests, api_fixture_group_setup,
                                       api_fixture_group_teardown);
}
