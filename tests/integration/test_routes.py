"""Every route with good and bad input: status, fields, types, headers."""
import concurrent.futures
import re
import shutil
import subprocess

import pytest

import shapes
from shapes import check_headers, check_json, check_problem, check_shape
from tiffin_stack import DEADLINE_S, eventually

UNKNOWN_ORDER = "order_00" + "a" * 20
READABLE = ["/status", "/restaurants", "/restaurants/resto_123", "/restaurants/resto_123/menu",
            "/restaurants/resto_123/reviews", "/restaurants/resto_123/full-details",
            "/users/123/dashboard", "/healthz", "/readyz", "/metrics"]


@pytest.fixture(scope="module")
def delivered(shared_world):
    """An order at the end of its life."""
    id_ = shared_world.http.place(user_id="123").json["order_id"]
    shared_world.store.wait_settled([id_])
    return id_


# ---- good answers -----------------------------------------------------------------------------

def test_status(http, delivered):
    def healthy():  # a worker that stood still for a second is away for a moment
        answer = http.get("/status")
        body = check_json(answer, 200, shapes.SYSTEM)
        return body["orders"]["delivered"] >= 1 and body["workers"] == 1 and body
    body = eventually(healthy, "the order and the worker in /status")
    assert body["status"] == "ok" and body["redis"] == "up"
    assert body["orders"]["placed"] >= body["orders"]["delivered"]
    assert min(*body["orders"].values(), *body["jobs"].values(), *body["live"].values()) >= 0


def test_restaurants(http):
    rows = check_json(http.get("/restaurants"), 200,
                      {"restaurants": [shapes.RESTAURANT]})["restaurants"]
    assert len(rows) >= 5 and len({row["id"] for row in rows}) == len(rows)
    assert {"id": "resto_123", "name": "The Spicy Spoon", "cuisine": "Indian",
            "rating": 4.7} in rows


def test_restaurant(http):
    answer = http.get("/restaurants/resto_123")
    body = check_json(answer, 200, shapes.RESTAURANT)
    assert body == {"id": "resto_123", "name": "The Spicy Spoon", "cuisine": "Indian",
                    "rating": 4.7}
    assert b'"rating":4.7}' in answer.body, "as people write it, not 4.7000000000000002"


def test_menu(http):
    body = check_json(http.get("/restaurants/resto_123/menu"), 200, shapes.MENU)
    assert body["menu"][:3] == ["Curry", "Naan", "Samosa"]
    assert [item["name"] for item in body["items"]] == body["menu"]
    assert all(item["price_cents"] > 0 for item in body["items"])


def test_reviews(http):
    body = check_json(http.get("/restaurants/resto_123/reviews"), 200, shapes.REVIEWS)
    assert body["reviews"][:2] == ["'Amazing food!'", "'A bit spicy for me.'"]


def test_every_restaurant_can_be_read(http):
    rows = http.get("/restaurants").json["restaurants"]
    paths = ["/restaurants/" + row["id"] for row in rows]
    with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
        assert [answer.json for answer in pool.map(http.get, paths)] == rows
        for part in ("menu", "reviews"):
            for answer in pool.map(lambda path: http.get(f"{path}/{part}"), paths):
                assert answer.status == 200 and answer.json[part]


def check_concurrent(timing):
    """The parts ran together: the whole took as long as the longest, not as all of them."""
    parts = [ms for name, ms in timing.items() if name != "total_ms"]
    assert len(parts) == 3 and timing["total_ms"] >= max(parts)
    assert timing["total_ms"] < sum(parts)


def test_full_details_run_together(http):
    body = check_json(http.get("/restaurants/resto_123/full-details"), 200, shapes.DETAILS)
    assert body["info"] == http.get("/restaurants/resto_123").json
    assert body["menu"] == http.get("/restaurants/resto_123/menu").json["menu"]
    assert body["reviews"] == http.get("/restaurants/resto_123/reviews").json["reviews"]
    check_concurrent(body["timing"])


def test_dashboard_runs_together_and_shows_no_order_id(http, delivered):
    answer = http.get("/users/123/dashboard")
    body = check_json(answer, 200, shapes.DASHBOARD)
    assert body["user_id"] == "123"
    check_concurrent(body["timing"])
    order = http.order(delivered)
    assert {"item": "Curry", "restaurant": "The Spicy Spoon", "status": "delivered",
            "placed_at": order["created_at"]} in body["orders"]
    assert b"order_00" not in answer.body, "an order's id is the right to cancel it"


def test_dashboard_has_the_last_ten_newest_first(http, store):
    items = ["Margherita Pizza", "Lasagne", "Focaccia"] * 4
    ids = [http.place(user_id="124", restaurant_id="resto_124", item=item).json["order_id"]
           for item in items]
    rows = http.get("/users/124/dashboard").json["orders"]
    assert [row["item"] for row in rows] == items[:1:-1]
    store.wait_settled(ids)


def test_order(http, delivered):
    answer = http.get("/order/" + delivered)
    body = check_json(answer, 200, shapes.ORDER)
    assert body["id"] == delivered and body["item"] == "Curry" and body["quantity"] == 1
    assert body["amount_cents"] == 1250
    assert answer.headers["ETag"] == f'"{body["version"]}"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_healthz_and_readyz(http):
    check_json(http.get("/healthz"), 200, {})
    check_json(http.get("/readyz"), 200, {})


def parse_metrics(text):
    """{sample: value}; checks the exposition format on the way."""
    samples, types, helped = {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            assert kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
        else:
            match = re.fullmatch(r'(tiffin_[a-z0-9_]+)(\{[^}]*\})? (-?[0-9.e+]+)', line)
            assert match, line
            family = match[1] if match[1] in types else re.sub("_(bucket|sum|count)$", "", match[1])
            assert family in types and family in helped, line
            assert match[1] + (match[2] or "") not in samples, line
            samples[match[1] + (match[2] or "")] = float(match[3])
    return samples


def test_metrics(http, store, delivered):
    answer = http.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    check_headers(answer)
    text = answer.body.decode()
    assert text.endswith("\n") and delivered not in text
    samples = parse_metrics(text)

    def all_told():
        now = parse_metrics(http.get("/metrics").body.decode())
        return now["tiffin_orders_placed_total"] == store.count("placed") and now["tiffin_workers"] == 1
    eventually(all_told, "all orders and the worker in /metrics")
    buckets = [value for name, value in samples.items() if "_bucket{" in name]
    assert buckets == sorted(buckets), "a histogram's buckets are cumulative"
    assert buckets[-1] == samples["tiffin_request_duration_seconds_count"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_prometheus_has_nothing_to_say_about_metrics(http):
    """Its own linter: names, base units, types and help."""
    done = subprocess.run(["promtool", "check", "metrics"], input=http.get("/metrics").body,
                          capture_output=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_page(http):
    answer = http.get("/")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html")
    check_headers(answer)
    assert b"<html" in answer.body.lower()
    assert not re.search(rb"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=", answer.body), \
        "the content security policy forbids inline script and style"
    for path in re.findall(rb'(?:src|href)="(/?[a-z][a-z0-9._/-]*\.(?:js|css|svg))"', answer.body):
        asset = http.get("/" + path.decode().lstrip("/"))
        assert asset.status == 200, path
        check_headers(asset)


# ---- unknown things ---------------------------------------------------------------------------

@pytest.mark.parametrize("path", [
    "/restaurants/resto_999", "/restaurants/resto_999/menu", "/restaurants/resto_999/reviews",
    "/restaurants/resto_999/full-details", "/restaurants/" + "r" * 300,
    "/restaurants/%7Bs00%7D", "/restaurants/a%20b", "/restaurants/%C3%BC", "/restaurants/*",
])
def test_unknown_restaurant(http, path):
    check_problem(http.get(path), 404, "Restaurant not found")


@pytest.mark.parametrize("id_", ["999", "nobody", "123:orders", "%2A", "1" * 200])
def test_unknown_user(http, id_):
    check_problem(http.get(f"/users/{id_}/dashboard"), 404)


@pytest.mark.parametrize("id_", [
    UNKNOWN_ORDER, "x", "order_", "order_99" + "a" * 20, "order_00" + "A" * 20,
    "order_00" + "a" * 19, "order_00" + "a" * 21, "update_00" + "a" * 20, "a" * 500,
    "order_00%20",
])
@pytest.mark.parametrize("method, suffix", [("GET", ""), ("GET", "/live-status"),
                                            ("POST", "/cancel")])
def test_unknown_order(http, id_, method, suffix):
    check_problem(http.request(method, f"/order/{id_}{suffix}"), 404, "Order not found")


@pytest.mark.parametrize("path", [
    "/nope", "/order/", f"/order/{UNKNOWN_ORDER}/", f"/order/{UNKNOWN_ORDER}/nope",
    f"/order/{UNKNOWN_ORDER}/live-status/x", "/restaurants/", "/restaurants/resto_123/",
    "/restaurants/resto_123/menu/x", "/restaurants/resto_123/nope", "/users/", "/users/123",
    "/users/123/dashboard/x", "/status/x", "/healthz/", "/.problem/400", "/nginx.conf",
    "/index.html/x", "/%2e%2e/%2e%2e/etc/passwd",
])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_unknown_path(http, method, path):
    answer = http.request(method, path)
    if path == "/%2e%2e/%2e%2e/etc/passwd":  # leaves the root: refused before it is looked up
        assert answer.status in (400, 404)
    elif method == "HEAD":
        assert answer.status == 404 and answer.body == b""
        check_headers(answer)
    else:
        check_problem(answer, 404)


# ---- HEAD and methods -------------------------------------------------------------------------

@pytest.mark.parametrize("path", READABLE + ["/"])
def test_head_is_get_without_the_body(http, path):
    get, head = http.get(path), http.request("HEAD", path)
    assert head.status == get.status == 200 and head.body == b""
    check_headers(head)
    for name in ("Content-Type", "Cache-Control", "ETag"):
        assert head.headers[name] == get.headers[name], name


def test_head_of_an_order(http, delivered):
    get, head = http.get("/order/" + delivered), http.request("HEAD", "/order/" + delivered)
    assert head.status == 200 and head.body == b""
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]


@pytest.mark.parametrize("path", ["/restaurants/resto_999", "/order/" + UNKNOWN_ORDER])
def test_head_of_nothing(http, path):
    answer = http.request("HEAD", path)
    assert answer.status == 404 and answer.body == b""
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", READABLE + [f"/order/{UNKNOWN_ORDER}"])
def test_only_get_and_head(http, method, path):
    answer = http.request(method, path)
    check_problem(answer, 405)
    assert answer.all("Allow") == ["GET, HEAD"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_a_stream_is_only_for_get(http, method, delivered):
    answer = http.request(method, f"/order/{delivered}/live-status")
    assert answer.status == 405 and answer.all("Allow") == ["GET"]
    check_headers(answer)
    if method != "HEAD":
        check_problem(answer, 405)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/order", "/new-update-and-broadcast",
                                  f"/order/{UNKNOWN_ORDER}/cancel"])
def test_only_post(http, method, path):
    answer = http.request(method, path)
    assert answer.status == 405 and answer.all("Allow") == ["POST"]
    check_headers(answer)
    if method != "HEAD":
        check_problem(answer, 405)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_pages_are_only_read(http, method):
    answer = http.request(method, "/")
    check_problem(answer, 405)
    assert answer.all("Allow") == ["GET, HEAD"]


@pytest.mark.parametrize("headers", [
    {"If-Match": '"another"'}, {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}])
def test_a_page_that_is_another_by_now(http, headers):
    check_problem(http.get("/style.css", headers=headers), 412)


@pytest.mark.parametrize("wanted", ["bytes=10-20", "bytes=99999999-"])
def test_a_page_comes_whole(http, wanted):
    answer = http.get("/style.css", headers={"Range": wanted})
    assert answer.status == 200 and answer.body == http.get("/style.css").body


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(http, method):
    answer = http.request(method, "/status")
    assert answer.status in (400, 405), answer
    check_headers(answer)


# nginx answers TRACE and CONNECT itself, the others the API, or nginx for its files.
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "LOCK", "BREW", "OPTIONS"])
@pytest.mark.parametrize("path, allowed", [
    *((path, "GET, HEAD") for path in READABLE + ["/", "/style.css", "/docs", "/openapi.json",
                                                  "/order/" + UNKNOWN_ORDER,
                                                  "/track/" + UNKNOWN_ORDER]),
    *((path, "POST") for path in ["/order", "/new-update-and-broadcast",
                                  f"/order/{UNKNOWN_ORDER}/cancel"]),
    *((path, "GET") for path in [f"/order/{UNKNOWN_ORDER}/live-status", "/live-monitor",
                                 "/exhibits/waiter"])])
def test_every_resource_names_its_own_methods(http, method, path, allowed):
    answer = http.request(method, path)
    check_problem(answer, 405)
    assert answer.all("Allow") == [allowed]


# ---- request ids, conditional requests ----------------------------------------------------------

@pytest.mark.parametrize("path, status", [("/status", 200), ("/restaurants/resto_999", 404),
                                          ("/nope", 404), ("/", 200)])
def test_a_request_id_is_passed_through(http, path, status):
    answer = http.get(path, headers={"X-Request-Id": "tracking_0042-abc"})
    assert answer.status == status
    assert answer.all("X-Request-Id") == ["tracking_0042-abc"]
    if status == 404:
        assert answer.json["request_id"] == "tracking_0042-abc"


@pytest.mark.parametrize("id_", ["short", "a" * 65, "with space and more", 'quo"te" and more',
                                 "<script>alert</script>"])
def test_a_strange_request_id_is_replaced(http, id_):
    answer = http.get("/restaurants/resto_999", headers={"X-Request-Id": id_})
    own, = answer.all("X-Request-Id")
    assert re.fullmatch(r"[0-9a-f]{32}", own)
    assert answer.json["request_id"] == own


def test_each_request_has_its_own_id(http):
    assert len({http.get("/healthz").headers["X-Request-Id"] for _ in range(5)}) == 5


@pytest.mark.parametrize("template", ['"{v}"', 'W/"{v}"', '"x", "{v}"', '"1","2", W/"{v}"', "*",
                                      '  "{v}"  '])
def test_not_modified(http, delivered, template):
    version = http.order(delivered)["version"]
    answer = http.get("/order/" + delivered,
                      headers={"If-None-Match": template.format(v=version)})
    assert answer.status == 304 and answer.body == b"", answer
    assert answer.headers["ETag"] == f'"{version}"'
    check_headers(answer)


@pytest.mark.parametrize("value", ['"1"', '"{v}0"', "{v}", '"{v}', '{v}"', "junk", '""', '"-{v}"',
                                   '"x{v}"', '"{v}x"', 'w/"{v}"', '"0{v}"', '" {v}"', '"+{v}"'])
def test_modified(http, delivered, value):
    version = http.order(delivered)["version"]
    answer = http.get("/order/" + delivered, headers={"If-None-Match": value.format(v=version)})
    assert answer.status == 200, answer
    check_shape(answer.json, shapes.ORDER)


# ---- what is no HTTP --------------------------------------------------------------------------

@pytest.mark.parametrize("data, status", [
    (b"nonsense\r\n\r\n", 400),
    (b"GET /status HTTP/1.1\r\n\r\n", 400),  # no Host
    (b"GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
    (b"POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET /status HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40000 + b"\r\n\r\n", 431),
    (b"GET /status HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    (b"POST /order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
])
def test_requests_that_are_none(http, data, status):
    check_problem(http.raw(data), status)


def test_http_1_0(http):
    answer = http.raw(b"GET /status HTTP/1.0\r\n\r\n")
    check_json(answer, 200, shapes.SYSTEM)
