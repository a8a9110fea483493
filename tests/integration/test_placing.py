"""POST /order: three ways to give parameters, all that is refused, one key = one order."""
import concurrent.futures
import json
import uuid

import pytest

import shapes
from shapes import check_headers, check_json, check_problem
from tiffin_http import ORDER

PLACED = {"message": "Order placed successfully!", "order_id": shapes.ORDER_ID}
CURRY, FORM = {"restaurant_id": "resto_123", "item": "Curry"}, "application/x-www-form-urlencoded"


def new_key():
    return uuid.uuid4().hex


@pytest.fixture
def nothing_placed(store):
    """For refusals: afterwards there is not one order more."""
    before = store.count("placed")
    yield
    assert store.count("placed") == before


def check_placed(answer):
    body = check_json(answer, 201, PLACED)
    assert answer.headers["Location"] == "/order/" + body["order_id"]
    assert answer.headers["Cache-Control"] == "no-store"
    return body["order_id"]


# ---- good orders ------------------------------------------------------------------------------

@pytest.mark.parametrize("way", ["query", "form", "data"])
def test_three_ways_to_order(http, store, way):
    parameters = {"restaurant_id": "resto_124", "item": "Margherita Pizza", "quantity": "3",
                  "user_id": "125"}
    if way == "data":
        parameters["quantity"] = 3
    answer = http.post("/order", **{way: parameters})
    id_ = check_placed(answer)
    assert "Idempotency-Replayed" not in answer.headers
    order = http.order(id_)
    assert (order["item"], order["quantity"], order["restaurant"], order["amount_cents"]) == \
        ("Margherita Pizza", 3, "Trattoria Lucia", 3 * 1195)
    assert store.order(id_)["user_id"] == "125"


def test_a_json_quantity_is_a_number(http):
    answer = http.post("/order", data={**ORDER, "quantity": 20})
    assert http.order(check_placed(answer))["quantity"] == 20


def test_parameters_may_be_spread(http):
    answer = http.post("/order", query={"restaurant_id": "resto_123"}, form={"item": "Naan"})
    assert http.order(check_placed(answer))["item"] == "Naan"


@pytest.mark.parametrize("body, content_type", [
    ("restaurant_id=resto_123&item=Chana+Masala", FORM),
    ("&&restaurant%5fid=resto%5F123&item=Chana%20Masala&", FORM),
    ("item=Chana+Masala&restaurant_id=resto_123", FORM + "; charset=UTF-8"),
    ('{"item":"Chana Masala","restaurant_id":"resto_123"}', "application/json; charset=utf-8"),
    (' \r\n\t{"item" : "Chana\\u0020Masala","restaurant_id":"resto_123"}\n ', "Application/JSON"),
])
def test_ways_to_write_a_body(http, body, content_type):
    answer = http.post("/order", body=body, headers={"Content-Type": content_type})
    assert http.order(check_placed(answer))["item"] == "Chana Masala"


def test_an_empty_body_needs_no_type(http):
    check_placed(http.post("/order", query=CURRY, body=""))
    check_placed(http.post("/order", query=CURRY, body="", headers={"Content-Type": "text/plain"}))


def test_a_chunked_body(http):
    body = json.dumps(ORDER).encode()
    answer = http.raw(b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n"
                      + b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                                 for part in (body[:7], body[7:])) + b"0\r\n\r\n")
    check_placed(answer)


@pytest.mark.parametrize("quantity", [1, 20])
def test_quantity_bounds(http, quantity):
    assert http.order(check_placed(http.place(quantity=quantity)))["quantity"] == quantity


# ---- refusals ---------------------------------------------------------------------------------

@pytest.mark.usefixtures("nothing_placed")
class TestRefused:
    @pytest.mark.parametrize("parameters", [
        {}, {"item": "Curry"}, {"restaurant_id": "resto_123"},
        {"restaurant_id": "", "item": "Curry"}, {"restaurant_id": "resto_123", "item": ""},
        {"Restaurant_id": "resto_123", "item": "Curry"},
    ])
    @pytest.mark.parametrize("way", ["query", "form", "data"])
    def test_missing_parameters(self, http, way, parameters):
        check_problem(http.post("/order", **{way: parameters}), 422)

    @pytest.mark.parametrize("quantity", [
        "0", "21", "-1", "1.5", "1e1", "", " 1", "1 ", "+1", "0x2", "two", "1,0", "١", "1_0",
        "99999999999999999999", "2147483649", "4294967297", "18446744073709551617",
    ])
    @pytest.mark.parametrize("way", ["query", "form", "data"])
    def test_bad_quantity(self, http, way, quantity):
        check_problem(http.post("/order", **{way: {**ORDER, "quantity": quantity}}), 422)

    @pytest.mark.parametrize("quantity", ["0", "21", "-1", "1.5", "1e2", "1e400", "true", "null",
                                          "[1]", '{"n":1}', "99999999999999999999999",
                                          "-99999999999999999999999", "4294967297"])
    def test_bad_json_quantity(self, http, quantity):
        body = '{"restaurant_id":"resto_123","item":"Curry","quantity":%s}' % quantity
        answer = http.post("/order", body=body, headers={"Content-Type": "application/json"})
        check_problem(answer, 422)

    @pytest.mark.parametrize("name", ["restaurant_id", "item", "user_id"])
    @pytest.mark.parametrize("value", [None, True, 1.5, ["Curry"], {"a": "b"}])
    def test_wrong_json_types(self, http, name, value):
        check_problem(http.post("/order", data={**ORDER, name: value}), 422)

    @pytest.mark.parametrize("name", ["restaurant_id", "item", "quantity"])
    @pytest.mark.parametrize("way", ["form", "data"])
    def test_a_parameter_in_query_and_body(self, http, way, name):
        parameters = {**ORDER, "quantity": 2}
        answer = http.post("/order", query={name: parameters[name]}, **{way: parameters})
        assert name in check_problem(answer, 422)["error"]

    def test_a_parameter_twice(self, http):
        body = "restaurant_id=resto_123&item=Curry&item=Curry"
        check_problem(http.post("/order?" + body), 422)
        check_problem(http.post("/order", body=body, headers={"Content-Type": FORM}), 422)

    @pytest.mark.parametrize("restaurant", ["resto_999", "*", "resto_123 ", "a" * 1000, "ü",
                                            "x:resto_123", "{s00}", "../resto_123"])
    def test_unknown_restaurant(self, http, restaurant):
        check_problem(http.place(restaurant_id=restaurant), 404, "Restaurant not found")

    @pytest.mark.parametrize("item", ["Pizza", "curry", " Curry", "Curry ", "Cürry", "name",
                                      "currency", "a" * 5000, "Margherita Pizza"])
    def test_item_that_is_not_on_the_menu(self, http, item):
        check_problem(http.place(item=item), 422)

    @pytest.mark.parametrize("user", ["999", "nobody", "", "*", "123:orders", "a" * 1000])
    def test_unknown_user(self, http, user):
        check_problem(http.place(user_id=user), 422)

    @pytest.mark.parametrize("body", [
        b'{"restaurant_id":"resto_123","item":"Curry"', b"{", b'{"item', b'"', b"[1", b"nul",
        b'{"restaurant_id":"resto_123","item":"Curry"}x',
        b'{"restaurant_id":"resto_123","item":"Curry"}{}',
        b'{"restaurant_id":"resto_123","item":"Curry"},',
        b'{"restaurant_id":"resto_123","item":"Curry",}',
        b'{restaurant_id:"resto_123","item":"Curry"}',
        b"{'restaurant_id':'resto_123','item':'Curry'}",
        b'{"restaurant_id":"resto_123","item":"Curry","quantity":01}',
        b'{"restaurant_id":"resto_123","item":"Curry","quantity":0x1}',
        b'{"restaurant_id":"resto_123","item":"Curry","quantity":+1}',
        b'{"restaurant_id":"resto_123",/* why */"item":"Curry"}',
        b'{"restaurant_id":"resto_123","item":"Curry\xff"}',
        b'{"restaurant_id":"resto_123","item":"Curry\xc0\xaf"}',
        b'{"restaurant_id":"resto_123","item":"Curry\xed\xa0\x80"}',
        b'{"restaurant_id":"resto_123","item":"Curry","a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"restaurant_id=resto_123&item=Curry", b"\0", b"\0\0\0", b" ", b"\n",
        b'{"restaurant_id":"resto_123","item":"Curry"\0}',
        b'{"restaurant_id":"resto_123","item":"Curry"}\0',
        b'{"restaurant_id":"resto_123","item":"Curry"}\0{"item":"Naan"}',
        b'{"restaurant_id":"resto_123","item":"Curry"} \0x',
        b'\0{"restaurant_id":"resto_123","item":"Curry"}',
        b'\xef\xbb\xbf{"restaurant_id":"resto_123","item":"Curry"}',
        b'\xff\xfe{\x00}\x00',
    ])
    def test_malformed_json(self, http, body):
        check_problem(http.post("/order", body=body,
                                headers={"Content-Type": "application/json"}), 400)

    @pytest.mark.parametrize("body", [b'{"restaurant_id":"resto_123","item":"Cur\nry"}',
                                      b'{"restaurant_id":"resto_123","item":"Curry","quantity":NaN}',
                                      b'{"restaurant_id":"resto_123","item":Infinity}'])
    def test_json_that_only_some_parsers_read(self, http, body):
        check_problem(http.post("/order", body=body,
                                headers={"Content-Type": "application/json"}), 400)

    @pytest.mark.parametrize("body", [b"[]", b"1", b'"Curry"', b"true", b"null", b"{}",
                                      b'[{"restaurant_id":"resto_123","item":"Curry"}]',
                                      b'{"restaurant_id":"resto_123","item":"Cu\\u0000rry"}',
                                      b'{"restaurant_id":"resto_123","item":"Curry\\u0000"}',
                                      b'{"restaurant_id":"resto_123","item":"Curry\\n"}',
                                      b'{"restaurant_id":"resto_123","item":"\\ud800"}'])
    def test_json_that_is_no_order(self, http, body):
        check_problem(http.post("/order", body=body,
                                headers={"Content-Type": "application/json"}), 422)

    @pytest.mark.parametrize("query", [
        "restaurant_id=resto_123&item=%FF", "restaurant_id=resto_123&item=Cu%00rry",
        "restaurant_id=resto_123&item=Curry%00", "restaurant_id=resto_123&item=Curry%0a",
        "restaurant_id=resto_123&item%00=Curry", "restaurant_id=resto_123&item%00x=Curry",
        "restaurant_id=resto_123&item=%C0%AF", "restaurant_id=resto_123&item=%ED%A0%80",
        "restaurant_id=resto_123&item=%zz",
        "restaurant_id=resto_123&item=%C2%85",
    ])
    def test_bytes_that_are_no_text(self, http, query):
        check_problem(http.post("/order?" + query), 422)
        check_problem(http.post("/order", body=query, headers={"Content-Type": FORM}), 422)

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x",
                                              "application/xml", "application/jsonp", "", "json",
                                              "text/json", "application/json-seq"])
    def test_wrong_content_type(self, http, content_type):
        answer = http.post("/order", body=json.dumps(ORDER),
                           headers={"Content-Type": content_type})
        check_problem(answer, 415)

    def test_no_content_type(self, http):
        check_problem(http.raw(b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"),
                      415)

    def test_a_body_over_64_kb(self, http):
        head = b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        check_problem(http.raw(head + b"Content-Length: 65537\r\n\r\n"), 413)
        check_problem(http.raw(head + b"Content-Length: 99999999999\r\n\r\n"), 413)
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        check_problem(http.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3), 413)

    @pytest.mark.parametrize("path", ["/order", "/new-update-and-broadcast"])
    def test_another_site_may_not_order(self, http, path):
        answer = http.post(path, query={**ORDER, "message": "Hello"},
                           headers={"Sec-Fetch-Site": "cross-site"})
        check_problem(answer, 403)

    @pytest.mark.parametrize("key", ["short", "a" * 15, "a" * 129, "a" * 16 + "!", "a" * 8 + " " +
                                     "b" * 8, "ü" * 16, '"' + "a" * 15 + '"', "a" * 4000])
    def test_malformed_keys(self, http, key):
        answer = http.post("/order", data=ORDER,
                           headers={"Idempotency-Key": key.encode("utf-8").decode("latin-1")})
        check_problem(answer, 422)


def test_a_body_of_exactly_64_kb(http):
    body = json.dumps(ORDER).ljust(65536)
    check_placed(http.post("/order", body=body, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_our_own_pages_may_order(http, site):
    check_placed(http.post("/order", query=CURRY, headers={"Sec-Fetch-Site": site}))


# ---- one key, one order -----------------------------------------------------------------------

@pytest.mark.parametrize("key", ["a" * 16, "Z" * 128, "0123456789-_abcDEF"])
def test_a_key_replays_the_first_answer(http, store, key):
    key = new_key()[:4] + key[4:]
    before = store.count("placed")
    first = http.place(key=key, quantity=2)
    again = [http.place(key=key, quantity=2) for _ in range(3)]
    id_ = check_placed(first)
    assert "Idempotency-Replayed" not in first.headers
    for answer in again:
        assert check_placed(answer) == id_
        assert answer.body == first.body
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert store.count("placed") == before + 1


def test_a_key_replays_after_the_order_has_gone_on(http, store):
    key = new_key()
    id_ = check_placed(http.place(key=key))
    store.wait_settled([id_])
    assert check_placed(http.place(key=key)) == id_


def test_the_same_order_may_be_written_another_way(http):
    key = {"Idempotency-Key": new_key()}
    first = http.post("/order", query={**ORDER, "quantity": "1"}, headers=key)
    assert check_placed(http.post("/order", form=ORDER, headers=key)) == check_placed(first)
    assert check_placed(http.post("/order", data={**ORDER, "quantity": 1}, headers=key)) \
        == check_placed(first)


@pytest.mark.parametrize("other", [{"item": "Naan"}, {"quantity": 2}, {"user_id": "123"},
                                   {"restaurant_id": "resto_124", "item": "Focaccia"}])
def test_a_key_for_another_order(http, store, other):
    key = new_key()
    check_placed(http.place(key=key))
    before = store.count("placed")
    check_problem(http.place(key=key, **other), 422)
    assert store.count("placed") == before


def test_a_refused_order_does_not_use_up_its_key(http):
    key = new_key()
    check_problem(http.place(key=key, item="Shoe"), 422)
    check_placed(http.place(key=key))


def test_a_key_belongs_to_orders_or_to_updates(http):
    key = {"Idempotency-Key": new_key()}
    check_placed(http.post("/order", query=CURRY, headers=key))
    check_problem(http.post("/new-update-and-broadcast", query={"message": "Hi"}, headers=key), 422)
    key = {"Idempotency-Key": new_key()}
    assert http.post("/new-update-and-broadcast", query={"message": "Hi"},
                     headers=key).status == 202
    check_problem(http.post("/order", query=CURRY, headers=key), 422)


def test_fifty_at_once_with_one_key_are_one_order(http, store):
    key, before = new_key(), store.count("placed")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: http.place(key=key), range(50)))
    assert len({check_placed(answer) for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert store.count("placed") == before + 1


def test_fifty_at_once_without_a_key_are_fifty_orders(http, store):
    before = store.count("placed")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(lambda _: check_placed(http.place()), range(50)))
    assert len(ids) == 50 and store.count("placed") == before + 50
    store.check_invariant()
    assert {order["status"] for order in store.wait_settled(ids).values()} == {"delivered"}


def test_errors_have_the_headers_of_answers(http):
    check_headers(http.post("/order"))
