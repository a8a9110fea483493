"""An order's id is a key to the order: no log has one whole, however a client writes its request."""
import os
import re
import urllib.parse

import pytest

from shapes import check_headers, check_problem
from tiffin_http import Client
from tiffin_nginx import Nginx
from tiffin_stack import eventually

pytestmark = pytest.mark.once


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


# Where an id may stand in the path; {id}: order_00 and its random part, {bare}: that part.
PATHS = [
    "/order/{id}", "/order/{id}/live-status", "/order/{id}/cancel", "/order/{id}/other", "/order/{id}/",
    "/order/{id}/{id}", "//order//{id}", "/order/./{id}", "/x/../order/{id}", "/track/{id}", "/track/{id}/x",
    "/vendor/{id}", "/vendor/uplot/dist/{id}.js", "/js/{id}", "/docs/{id}", "/{id}", "/{bare}", "/00{bare}",
    "/x/{bare}/order_x", "/order_/{bare}", "/order_ab/{id}", "/x{id}", "/users/{id}/dashboard",
    "/restaurants/{id}/menu", "/exhibits/{id}", "/ws/{id}", "/metrics/{id}", "/.problem/{id}", "/order;{id}",
    "/order/{upper}", "/order/%6frder_00{bare}", "/order/order%5f00{bare}", "/order/{percent}",
    "/%0Aorder_%30%30{bare}", "/%0a{id}", "/%0d%0a/order/{id}", "/order/{id}%0a", "/order/%250a{id}",
    "/order/{double}", "/order/{id}%00", "/é{id}", "/order/%00{id}", "/%{id}", "/order/%zz{id}",
    "/order/{half}%{hex}{rest}", "/+{id}", "/~{id}", "/order/{id}#x", "/status?id={id}", "/?{id}", "/track/?{id}",
    "/status#{id}", "/order/{id}?{id}", "http://localhost/order/{id}", "http://{id}/", "http://localhost?{id}",
    "/ws/support-chat?after={id}", "/new-update-and-broadcast/{id}",
]
HEADERS = ["Referer: http://localhost/track/{id}", "X-Request-Id: {id}", "X-Request-Id: {bare}",
           "X-Request-Id: {upper}", "X-Request-Id: a-{id}", "Host: {id}", "Host: {id}.test", "User-Agent: {id}",
           "Last-Event-ID: {id}", "If-None-Match: {id}", "Idempotency-Key: {id}", "Content-Type: {id}",
           "Authorization: Basic {id}", "Cookie: id={id}", "X-Forwarded-For: {id}", "{id}: x", "Origin: http://{id}"]
# Bytes that are no good request.
RAW = [b"GET /order/%s\r\n", b"GET /order/%s HTTP/3.0\r\n\r\n", b"GET /order/%s HTTP/1.1\r\n\r\n",
       b"GET /order/%s x\r\n\r\n", b"GET /order/%s HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"%s\r\n\r\n",
       b"%s /order HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /order/%s HTTP/1.1\r\nHost: localhost\r\n"
       b"Content-Length: 99999999\r\n\r\n", b"POST /order/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
       b"GET /order/%s/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET order/%s HTTP/1.1\r\n\r\n",
       b"GET /\r\norder/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", b"CONNECT %s:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
       b"GET /order/%s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n"]


def forms(id_):
    bare = id_.removeprefix("order_00")
    return {"id": id_, "bare": bare, "upper": id_.upper(), "percent": percent(id_), "double": percent(percent(id_)),
            "half": id_[:11], "hex": f"{ord(id_[11]):02x}", "rest": id_[12:]}


def ask_all(port, id_):
    """-> how many requests were made."""
    words, client, n = forms(id_), Client(port), 0

    def send(data):
        nonlocal n
        n += 1
        try:
            client.raw(data)
        except Exception:  # no answer is one too: 444, HTTP/0.9
            pass
    for method in ("GET", "POST"):
        for path in PATHS:
            send(f"{method} {path.format(**words)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                 f"Connection: close\r\n\r\n".encode())
    for path in ("/status", "/vendor/none", f"/order/{id_}", "/users/123/dashboard", "/ws/support-chat"):
        for header in HEADERS:
            host = "" if header.startswith("Host") else "Host: localhost\r\n"
            send(f"GET {path} HTTP/1.1\r\n{host}{header.format(**words)}\r\nConnection: close\r\n\r\n".encode())
    for data in RAW:
        send(data % id_.encode())
        send(data % id_.upper().encode())
    return n


def leaks(text, id_):
    """The lines that show more of it than six characters, in any spelling."""
    secret = id_.removeprefix("order_00")[4:14]
    return [line for line in text.splitlines()
            if secret in urllib.parse.unquote(urllib.parse.unquote(line)).lower()]


@pytest.fixture
def fake_id():
    return "order_00" + "".join("abcdefghijklmnopqrstuvwxyz234567"[byte % 32] for byte in os.urandom(20))


@pytest.mark.parametrize("settings", [{}, {"RATE": 1, "RATE_BURST": 0, "STREAMS_PER_CLIENT": 1, "LIMIT_LOOPBACK": 1}],
                         ids=["away", "limited"])
def test_nginx_own_answers(fake_id, settings):
    """The API is away, which nginx says in a log of its own."""
    with Nginx(**settings) as nginx:
        before = len(nginx.log().splitlines())
        n = ask_all(nginx.port, fake_id)
        eventually(lambda: len(nginx.log().splitlines()) >= before + n, "a line of each")
        assert leaks(nginx.log(), fake_id) == []


def test_the_whole_stack(http, store, stack):
    id_ = http.place().json["order_id"]
    store.wait_settled([id_])
    before = len(stack.log("nginx").splitlines())
    n = ask_all(stack.port, id_)
    http.post("/order", data={"restaurant_id": id_, "item": id_, "user_id": id_})
    http.post("/new-update-and-broadcast", data={"message": f"what is {id_}?"}, headers={"Idempotency-Key": id_})
    eventually(lambda: len(stack.log("nginx").splitlines()) >= before + n + 2, "a line of each")
    assert leaks(stack.all_logs(), id_) == []


@pytest.mark.parametrize("path, shown", [
    ("/order/{id}", "/order/{cut}..."), ("/order/{id}/cancel", "/order/{cut}.../cancel"),
    ("/order/{id}/live-status", "/order/{cut}.../live-status"), ("/track/{id}", "/track/{cut}..."),
    ("/order/{id}/other", "/order/{cut}..."), ("/vendor/{id}", "/vendor/{cut}..."), ("/status?{id}", "/status"),
    ("/restaurants/resto_123/full-details", "/restaurants/resto_123/full-details"),
    ("/vendor/@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2",
     "/vendor/@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2"),
    ("/new-update-and-broadcast", "/new-update-and-broadcast"), ("/", "/"), ("/nope", "/nope"),
    ("/a%20b", "-"), ("/é", "-")])
def test_what_is_shown(fake_id, path, shown):
    """`order_` and six characters; all that is ours and no id is shown as it was asked for."""
    with Nginx() as nginx:
        nginx.http.raw(f"GET {path.format(id=fake_id)} HTTP/1.1\r\nHost: localhost\r\n"
                       "X-Request-Id: this-one-1234\r\nConnection: close\r\n\r\n".encode())
        line = eventually(lambda: re.search(r'"GET (\S*)" .*request this-one-1234', nginx.log()))
        assert line[1] == shown.format(cut=fake_id[:12])


# ---- what browsers and caches keep -------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/track/{id}", "/track/{id}/x", "/track/", "/order/{id}", "/order/{id}/x",
                                  "/order/{id}/live-status", "/vendor/{id}", "/nope/{id}", "/users/{id}/dashboard"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_an_address_with_an_id_is_not_kept(http, fake_id, path, accept):
    for headers in ({}, {"If-None-Match": "*"}, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}):
        answer = http.get(path.format(id=fake_id), headers={"Accept": accept, **headers})
        if answer.headers["Content-Type"] != "text/event-stream":
            assert answer.all("Cache-Control") == ["no-store"], answer
        assert answer.all("Referrer-Policy") == ["no-referrer"]


@pytest.mark.parametrize("path", ["/users", "/exhibits", "/track", "/vendor", "/vendor/", "/js", "/js/", "/pictures",
                                  "/pictures/", "/ws", "/ws/", "/status/", "/metrics/", "/index.html/", "/js/.",
                                  "/restaurants/", "/users/", "/exhibits/", "/order/", "/.nginx/"])
def test_no_slash_is_added_or_taken(http, path):
    """Neither is the address of anything, so it is 404 and no redirect, by any method and for anybody."""
    check_problem(http.get(path), 404)
    answer = http.get(path, headers={"Accept": "text/html"})
    assert answer.status == 404 and "Location" not in answer.headers
    check_headers(answer)
    assert http.post(path, form={"a": "b"}).status in (404, 405)
