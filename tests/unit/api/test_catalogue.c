#include "tests/unit/support/test.h"

#include <json-c/json.h>
#include <string.h>

#include "api/catalogue.h"
#include "tests/unit/support/replies.h"

static void assert_json(struct json_object *object, const char *expected)
{
    assert_non_null(object);
    assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE),
                        expected);
    json_object_put(object);
}

static void ids_that_could_be(void **state)
{
    static const struct {
        const char *id;
        int is_valid;
    } TABLE[] = {
        {"resto_123", 1},
        {"123", 1},
        {"A-b_9", 1},
        {"", 0},
        {"a b", 0},
        {"a/b", 0},
        {"a.b", 0},
        {"caf\xc3\xa9", 0},
        {"a\n", 0},
        {"{s00}", 0},
        {"*", 0},
        {"a:b", 0},
        {"1234567890123456789012345678901234567890123456789012345678901234", 1},
        {"12345678901234567890123456789012345678901234567890123456789012345", 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(TABLE); i++)
        if (catalogue_id_is_valid(TABLE[i].id) != TABLE[i].is_valid)
            fail_msg("\"%s\"", TABLE[i].id);
}

static void info_exactly(void **state)
{
    (void)state;
    assert_json(catalogue_info(reply_words("resto_123", "The Spicy Spoon", "Indian", "4.7")),
                "{\"id\":\"resto_123\",\"name\":\"The Spicy Spoon\",\"cuisine\":\"Indian\","
                "\"rating\":4.7}");
}

static void ratings_keep_their_text(void **state)
{
    static const char *const RATINGS[] = {"4.7", "4.10", "5", "0", "3.3333333333333335"};
    (void)state;
    for (size_t i = 0; i < LENGTH(RATINGS); i++) {
        struct json_object *info = catalogue_info(reply_words("r", "n", "c", RATINGS[i]));
        assert_string_equal(json_object_get_string(json_object_object_get(info, "rating")),
                            RATINGS[i]);
        json_object_put(info);
    }
}

static void info_of_what_is_unknown(void **state)
{
    (void)state;
    assert_null(catalogue_info(reply_words(NULL, NULL, NULL, NULL)));
    assert_null(catalogue_info(reply_array(0)));
    assert_null(catalogue_info(reply_nil()));
    assert_null(catalogue_info(NULL));
}

static void info_with_gaps(void **state)
{
    (void)state;
    assert_json(catalogue_info(reply_words("r", NULL, NULL, NULL)),
                "{\"id\":\"r\",\"name\":null,\"cuisine\":null,\"rating\":null}");
    assert_json(catalogue_info(reply_words("r")),
                "{\"id\":\"r\",\"name\":null,\"cuisine\":null,\"rating\":null}");
}

static void menu_exactly(void **state)
{
    (void)state;
    assert_json(catalogue_menu(reply_words("[{\"name\":\"Curry\",\"price_cents\":1299},"
                                           "{\"name\":\"Naan\",\"price_cents\":350}]",
                                           "USD")),
                "{\"menu\":[\"Curry\",\"Naan\"],"
                "\"items\":[{\"name\":\"Curry\",\"price_cents\":1299},"
                "{\"name\":\"Naan\",\"price_cents\":350}],\"currency\":\"USD\"}");
    assert_json(catalogue_menu(reply_words("[]", NULL)),
                "{\"menu\":[],\"items\":[],\"currency\":null}");
}

static void menu_of_what_is_unknown_or_broken(void **state)
{
    static const char *const BROKEN[] = {"", "[", "nothing", "{}", "\"menu\"", "5", "null", "true"};
    (void)state;
    assert_null(catalogue_menu(reply_words(NULL, NULL)));
    assert_null(catalogue_menu(reply_array(0)));
    assert_null(catalogue_menu(NULL));
    for (size_t i = 0; i < LENGTH(BROKEN); i++)
        assert_null(catalogue_menu(reply_words(BROKEN[i], "USD")));
}

static void menu_with_strange_dishes(void **state)
{
    (void)state;
    assert_json(catalogue_menu(reply_words("[{\"price_cents\":1},5,null]", "USD")),
                "{\"menu\":[null,null,null],\"items\":[{\"price_cents\":1},5,null],"
                "\"currency\":\"USD\"}");
}

static void reviews_exactly(void **state)
{
    (void)state;
    assert_json(catalogue_reviews(reply_words("[\"'Amazing food!'\",\"'A bit spicy for me.'\"]")),
                "{\"reviews\":[\"'Amazing food!'\",\"'A bit spicy for me.'\"]}");
    assert_json(catalogue_reviews(reply_words("[]")), "{\"reviews\":[]}");
}

static void reviews_of_what_is_unknown_or_broken(void **state)
{
    static const char *const BROKEN[] = {"", "[", "nothing", "{}", "\"good\"", "5", "null"};
    (void)state;
    assert_null(catalogue_reviews(reply_words(NULL)));
    assert_null(catalogue_reviews(reply_array(0)));
    assert_null(catalogue_reviews(NULL));
    for (size_t i = 0; i < LENGTH(BROKEN); i++)
        assert_null(catalogue_reviews(reply_words(BROKEN[i])));
}

#define WITH_REPLIES(test) cmocka_unit_test_teardown(test, replies_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_that_could_be),
        WITH_REPLIES(info_exactly),
        WITH_REPLIES(ratings_keep_their_text),
        WITH_REPLIES(info_of_what_is_unknown),
        WITH_REPLIES(info_with_gaps),
        WITH_REPLIES(menu_exactly),
        WITH_REPLIES(menu_with_strange_dishes),
        WITH_REPLIES(reviews_exactly),
        WITH_REPLIES(reviews_of_what_is_unknown_or_broken),
        WITH_REPLIES(menu_of_what_is_unknown_or_broken),
    };
    return cmocka_run_group_tests_name("api/catalogue", tests, NULL, NULL);
}
