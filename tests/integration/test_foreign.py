"""Pages of other sites: what a browser says of them decides over every POST."""
import json

import pytest

from tiffin_world import World
from shapes import check_problem
from tiffin_http import ORDER

FRIEND, UNKNOWN_ORDER = "https://friend.example", "order_00" + "a" * 20
# What changes something, and what the API says to one of ours.
WRITES = [("/order", ORDER, 201), ("/new-update-and-broadcast", {"message": "Hi"}, 202),
          (f"/order/{UNKNOWN_ORDER}/cancel", {}, 404)]


@pytest.fixture(scope="module")
def friendly():
    """A shop that lets another origin order."""
    world = World(ORIGINS=f"http://other.example {FRIEND}")
    try:
        yield world.start()
    finally:
        world.stack.end()


def post(http, path, body, *headers):
    """With these header lines, in this order, even twice."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Content-Type: application/json",
             f"Content-Length: {len(data)}", *headers]
    return http.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


@pytest.mark.parametrize("path, body, status", WRITES)
@pytest.mark.parametrize("headers", [
    ["Host: shop.localhost"],
    ["Host: shop.localhost", "Origin: http://shop.localhost"],
    ["Host: shop.localhost:80", "Origin: http://shop.localhost"],
    ["Host: shop.localhost", "Origin: HTTP://SHOP.localhost:80"],
    ["Host: shop.localhost:8000", "Origin: http://shop.localhost:8000"],
    ["Host: shop.localhost", "Origin: https://shop.localhost"],
    ["Host: [::1]:8000", "Origin: http://[::1]:8000"],
    ["Host: localhost", "Sec-Fetch-Site: same-origin", "Origin: null"],
    ["Host: localhost", "Sec-Fetch-Site: none"],
    ["Host: localhost", "Sec-Fetch-Site: same-site", "Origin: http://localhost"],
])
def test_our_own_pages(http, path, body, status, headers):
    assert post(http, path, body, *headers).status == status


@pytest.mark.parametrize("path, body, status", WRITES)
@pytest.mark.parametrize("headers", [
    ["Origin: http://evil.test"], ["Origin: null"], ["Origin:"], ["Origin: localhost:8000"],
    ["Origin: http://localhost:8001"], ["Origin: http://localhost"],
    ["Origin: http://localhost:8000.evil.test"], ["Origin: http://localhost:8000/"],
    ["Origin: http://localhost:8000", "Origin: http://localhost:8000"],
    ["Origin: http://localhost:8000", "Origin: http://evil.test"],
    ["Origin: http://localhost:8000, http://localhost:8000"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: cross-site", "Origin: http://localhost:8000"],
    ["Sec-Fetch-Site: same-site", "Origin: http://localhost:3000"],
    ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"],
    [f"Origin: {FRIEND}"],
])
def test_other_sites(http, store, path, body, status, headers):
    before = store.count("placed"), store.count("updates_accepted")
    check_problem(post(http, path, body, "Host: localhost:8000", *headers), 403)
    assert (store.count("placed"), store.count("updates_accepted")) == before


def test_who_only_reads_may_come_from_anywhere(http):
    headers = {"Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"}
    assert http.get("/status", headers=headers).status == 200


@pytest.mark.parametrize("path, body, status", WRITES)
def test_origins_that_are_let_in(friendly, path, body, status):
    http = friendly.http
    for headers in ([f"Origin: {FRIEND}"], [f"Origin: {FRIEND}", "Sec-Fetch-Site: cross-site"],
                    ["Origin: http://other.example", "Sec-Fetch-Site: same-site"]):
        assert post(http, path, body, "Host: localhost", *headers).status == status
    for headers in (["Origin: http://friend.example"], ["Sec-Fetch-Site: cross-site"],
                    [f"Origin: {FRIEND}"] * 2, ["Origin: null"]):
        check_problem(post(http, path, body, "Host: localhost", *headers), 403)
