"""What POST /order and its like take and refuse: types, numbers, names nobody knows, keys, encodings."""
import gzip
import json
import uuid

import pytest

from shapes import check_problem
from tiffin_http import ORDER

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
UPDATE = "/new-update-and-broadcast"


@pytest.fixture
def nothing_stored(store):
    """For refusals: afterwards there is not one order and not one update more."""
    before = store.count("placed"), store.count("updates_accepted")
    yield
    assert (store.count("placed"), store.count("updates_accepted")) == before


def order_with(text):
    """An order as JSON, with these further members."""
    return '{"restaurant_id":"resto_123","item":"Curry",%s}' % text


def send(http, body, content_type=JSON, path="/order", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(path, body=body, headers={"Content-Type": content_type, **headers})


# ---- numbers --------------------------------------------------------------------------------------

@pytest.mark.parametrize("written", ["2", "2.0", "2.000", "2e0", "2E+0", "20e-1", "200e-2", "0.2e1",
                                     "0.0000000000000000000000000000002e31", "2" + "0" * 40 + "e-40"])
def test_a_whole_number_however_it_is_written(http, written):
    answer = send(http, order_with(f'"quantity":{written}'))
    assert answer.status == 201, answer
    assert http.order(answer.json["order_id"])["quantity"] == 2


@pytest.mark.parametrize("written", [
    "2.5", "2.00000000000000000000001", "25e-1", "2e-1", "0.1", "1e400", "-1e400", "2e99999999999999",
    "2e-99999999999999", "9223372036854775809", "18446744073709551618", "18446744073709551617.0",
    "4294967298", "-2", "0", "-0", "21", "0.0", "2e1000000000000000000000"])
@pytest.mark.usefixtures("nothing_stored")
def test_a_number_is_never_another_one(http, written):
    check_problem(send(http, order_with(f'"quantity":{written}')), 422)


@pytest.mark.parametrize("quantity", ["2.0", "2e0", "0x2", "+2", " 2", "2 ", "２", "2,0", "1_0", ""])
@pytest.mark.parametrize("way", ["query", "form"])
@pytest.mark.usefixtures("nothing_stored")
def test_outside_json_a_number_is_its_digits(http, way, quantity):
    check_problem(http.post("/order", **{way: {**ORDER, "quantity": quantity}}), 422)


# ---- types ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, value", [
    *((name, value) for name in ("restaurant_id", "item", "user_id")
      for value in ("123", "99999999999999999999", "1.5", "null", "true", "[]", '["Curry"]', "{}")),
    *(("quantity", value) for value in ('"2"', '""', "null", "true", "[2]", '{"n":2}'))])
@pytest.mark.usefixtures("nothing_stored")
def test_a_value_of_another_type_is_refused(http, name, value):
    members = {"restaurant_id": '"resto_123"', "item": '"Curry"', name: value}
    body = "{" + ",".join(f'"{n}":{v}' for n, v in members.items()) + "}"
    assert name in check_problem(send(http, body), 422)["error"]


@pytest.mark.parametrize("value", ["5", "1.5", "99999999999999999999", "-9223372036854775809", "null",
                                   "false", '["Hi"]', '{"text":"Hi"}', '"\\ud800"', '"a\\u0000"'])
@pytest.mark.usefixtures("nothing_stored")
def test_an_update_is_text(http, value):
    assert "message" in check_problem(send(http, '{"message":%s}' % value, path=UPDATE), 422)["error"]


# ---- JSON -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "'x':1", '"x":\'1\'', '"x":1,', '"x":NaN', '"x":-Infinity', '"x":Infinity', '"x":True', '"x":NULL',
    '"x":nul', '"x":01', '"x":-01', '"x":+1', '"x":.5', '"x":1.', '"x":1.e1', '"x":0x10', '"x":1e',
    '"x":"\t"', '"x":"\n"', '"x":"\0"', '"x":"\\q"', '"x":"\\u12"', '"x":"\\x41"', '"x":undefined',
    '"x":1/**/', '"x":1 //', '"x":1\f', '"x":1\v', '"x":1\u00a0', '"x" 1', '"x":1 2', 'x:1', '"x":[1,]',
    '"x":[1', '"x":{"y"}', '"x":1}{', '"x":' + "[" * 1000 + "]" * 1000])
@pytest.mark.usefixtures("nothing_stored")
def test_what_is_not_json_is_refused_even_where_nobody_looks(http, text):
    check_problem(send(http, order_with(text).encode()), 400)


@pytest.mark.parametrize("body", ['\ufeff{"restaurant_id":"resto_123","item":"Curry"}',
                                  order_with('"x":1') + "\0", order_with('"x":1') + " x",
                                  order_with('"x":1') * 2, " ", "{", "\0"])
@pytest.mark.usefixtures("nothing_stored")
def test_what_surrounds_json_counts(http, body):
    check_problem(send(http, body.encode()), 400)


# ---- names nobody knows -----------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    '"gift":true', '"notes":{"a":[{}]}', '"coupon":null', '"x":1.5e400', '"x":99999999999999999999',
    '"x":"\\u0000\\n\\u0085\\ud800"', '"x":1,"x":[],"x":"2"', '"":1,"item\\u0000":2,"\\ud800":3',
    '"Item":"Naan"', '"x":' + "[" * 100 + "]" * 100, '"' + "x" * 1000 + '":[]',
    ",".join(f'"x{i}":{i}' for i in range(500))])
def test_unknown_members_are_ignored(http, text):
    assert send(http, order_with(text)).status == 201
    assert send(http, '{"message":"Hi",%s}' % text, path=UPDATE).status == 202


@pytest.mark.parametrize("text", ["utm_source=x", "x=1&x=1&x", "x=%00%0A%7F", "%FF=%FF&%00=1&item%00=x",
                                  "=&=1&==", "item[]=Naan", "&".join(f"x{i}={i}" for i in range(500))])
def test_unknown_names_are_ignored(http, text):
    order = "restaurant_id=resto_123&item=Curry&" + text
    assert http.post("/order?" + order).status == 201
    assert send(http, order, FORM).status == 201
    assert http.post("/order?" + text, data=ORDER).status == 201


@pytest.mark.parametrize("text", ['"item":"Curry"', '"it\\u0065m":"Naan"', '"item":null', '"item":{}'])
@pytest.mark.usefixtures("nothing_stored")
def test_a_known_member_comes_once(http, text):
    assert "item" in check_problem(send(http, order_with(text)), 422)["error"]
    check_problem(http.post("/order?item=Curry", body=order_with('"x":1'),
                            headers={"Content-Type": JSON}), 422)


# ---- what kind of body ------------------------------------------------------------------------------

@pytest.mark.parametrize("content_type", [FORM, FORM + "; charset=utf-8", ""])
@pytest.mark.usefixtures("nothing_stored")
def test_json_that_does_not_say_so(http, content_type):
    """As `curl -d` sends it."""
    answer = send(http, "\n" + json.dumps(ORDER), content_type)
    assert "Content-Type: application/json" in check_problem(answer, 415)["error"]


@pytest.mark.parametrize("content_type", [
    "application/json; charset=iso-8859-1", FORM + ";charset=latin1", "application/problem+json",
    "application/vnd.api+json", "multipart/form-data; boundary=x", "text/plain", "text/json"])
@pytest.mark.usefixtures("nothing_stored")
def test_other_types(http, content_type):
    check_problem(send(http, json.dumps(ORDER), content_type), 415)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip", "nonsense"])
@pytest.mark.usefixtures("nothing_stored")
def test_an_encoded_body(http, encoding):
    answer = send(http, gzip.compress(json.dumps(ORDER).encode()), Content_Encoding=encoding)
    check_problem(answer, 415)
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_body_that_says_it_is_not_encoded(http):
    assert send(http, json.dumps(ORDER), Content_Encoding="identity").status == 201
    assert http.post("/order", query=ORDER, headers={"Content-Encoding": "gzip"}).status == 201


# ---- keys -----------------------------------------------------------------------------------------

def raw_order(http, *headers):
    body = json.dumps(ORDER).encode()
    lines = [b"POST /order HTTP/1.1", b"Host: localhost", b"Content-Type: application/json",
             b"Content-Length: %d" % len(body), *headers]
    return http.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def test_a_quoted_key_is_the_same_key(http, store):
    key, before = uuid.uuid4().hex, store.count("placed")
    first = http.place(key=f'"{key}"')
    again = http.place(key=key)
    assert first.status == again.status == 201
    assert again.json == first.json and again.headers["Idempotency-Replayed"] == "true"
    assert store.count("placed") == before + 1


def test_a_key_as_a_browser_makes_it(http):
    assert http.place(key='"%d"' % (uuid.uuid4().int >> 65)).status == 201


@pytest.mark.parametrize("key", ['""', '"', "''", '"short"', '"' + "a" * 129 + '"', '"' + "a" * 20,
                                 "a" * 20 + '"', '"aaaaaaaaaaaaaaaaaaaa";a=1', '"aaaaaaaaaa\\"aaaaaaaaaa"',
                                 '""aaaaaaaaaaaaaaaaaaaa""', "a" * 20 + ", " + "a" * 20, "aaaaaaaaaaaaaaaa b"])
@pytest.mark.usefixtures("nothing_stored")
def test_keys_of_another_form(http, key):
    for path, body in (("/order", ORDER), (UPDATE, {"message": "Hi"})):
        answer = send(http, json.dumps(body), path=path, Idempotency_Key=key)
        assert "Idempotency-Key" in check_problem(answer, 422)["error"]


@pytest.mark.parametrize("headers", [
    [b"Idempotency-Key:"], [b"Idempotency-Key:   "], [b"idempotency-key: "],
    [b"Idempotency-Key: aaaaaaaaaaaaaaaaaaaa"] * 2,
    [b"Idempotency-Key: aaaaaaaaaaaaaaaaaaaa", b"Idempotency-Key: bbbbbbbbbbbbbbbbbbbb"],
    [b"Idempotency-Key: aaaaaaaaaaaaaaaaaaaa", b"Idempotency-Key:"],
    [b"Idempotency-Key:", b"Idempotency-Key: aaaaaaaaaaaaaaaaaaaa"]])
@pytest.mark.usefixtures("nothing_stored")
def test_an_empty_key_and_two(http, headers):
    assert "Idempotency-Key" in check_problem(raw_order(http, *headers), 422)["error"]


def test_many_large_headers_matter_to_nobody(http):
    headers = [b"Cookie: a=" + b"x" * 7000, b"Authorization: " + b"y" * 7000,
               *(b"X-H%d: %d" % (i, i) for i in range(60))]
    assert raw_order(http, *headers).status == 201
