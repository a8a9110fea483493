"""What one client address may ask for: requests, orders and streams each have a limit."""
import pytest

from tiffin_world import World
from shapes import check_headers, check_problem
from tiffin_nginx import Nginx
from tiffin_stack import eventually

pytestmark = pytest.mark.once

# Somebody else than loopback, by way of a proxy on it.
WHO = "X-Forwarded-For: 192.0.2.1"
OTHER = "X-Forwarded-For: 192.0.2.2"
ORDER = "/order?restaurant_id=resto_123&item=Curry"


def limited(**settings):
    return Nginx(TRUSTED_PROXIES="127.0.0.1", **settings)


def statuses(nginx, n, path, method="POST", who=WHO):
    return [nginx.ask(who, "Content-Length: 0", path=path, method=method).status for _ in range(n)]


def test_orders_have_a_rate_of_their_own():
    """503 is an order that reached the API, which is away here."""
    with limited(ORDER_RATE=1, ORDER_BURST=2) as nginx:
        assert statuses(nginx, 4, ORDER) == [503, 503, 503, 429]
        problem = check_problem(nginx.ask(WHO, path=ORDER, method="POST"), 429, "Too Many Requests")
        assert "1 a minute" in problem["detail"] and "2 more" in problem["detail"]
        assert statuses(nginx, 1, "/new-update-and-broadcast?message=hello") == [429], "of the same rate"
        for way in ("//order", "/%6frder", "/x/../order", "/order?", "/order#x"):
            assert statuses(nginx, 1, way) == [429], way
        assert statuses(nginx, 1, ORDER, who=OTHER) == [503], "another client"
        # Nothing else of this client counts, or is refused.
        assert statuses(nginx, 5, "/order/order_00aaaaaaaaaaaaaaaaaaaa/cancel") == [503] * 5
        assert statuses(nginx, 5, "/order", method="GET") == [503] * 5
        assert nginx.ask(WHO).status == 204
        assert nginx.ask("X-Forwarded-For: 127.0.0.1", path=ORDER, method="POST").status == 503, "loopback"


@pytest.mark.parametrize("rate, seconds", [(1, "63"), (7, "9"), (30, "2"), (60, "1"), (1000000, "1")])
def test_retry_after_is_true(rate, seconds):
    """nginx counts in whole thousandths of a request a second: 60/1000 at one a minute is 62.5 s."""
    with limited(ORDER_RATE=rate, ORDER_BURST=0, RATE=1, RATE_BURST=0) as nginx:
        nginx.ask(WHO, path=ORDER, method="POST")
        answer = eventually(lambda: (a := nginx.ask(WHO, path=ORDER, method="POST")).status == 429 and a)
        assert answer.all("Retry-After") == [seconds]
        answer = eventually(lambda: (a := nginx.ask(WHO, path="/status")).status == 429 and a)
        assert answer.all("Retry-After") == ["1"], "no order"
        assert "orders" not in answer.json["detail"]


def test_the_general_rate_holds_for_orders():
    with limited(RATE=1, RATE_BURST=0) as nginx:
        assert 429 in statuses(nginx, 2, ORDER)


def test_no_rate_for_orders():
    with limited(ORDER_RATE=0, ORDER_BURST=0) as nginx:
        assert statuses(nginx, 60, ORDER) == [503] * 60


def test_loopback_is_not_counted_but_on_request():
    with Nginx(ORDER_RATE=1, ORDER_BURST=0, RATE=1, RATE_BURST=0) as nginx:
        assert statuses(nginx, 20, ORDER, who="X: y") == [503] * 20
    with Nginx(ORDER_RATE=1, ORDER_BURST=0, LIMIT_LOOPBACK=1) as nginx:
        assert statuses(nginx, 3, ORDER, who="X: y") == [503, 429, 429]


@pytest.mark.parametrize("path", ["/live-monitor", "/exhibits/waiter?n=3",
                                  "/order/order_00aaaaaaaaaaaaaaaaaaaa/live-status"])
def test_a_stream_over_the_rate_is_told_to_come_back(path):
    """EventSource gives up for ever on a 429."""
    with limited(RATE=1, RATE_BURST=0) as nginx:
        answer = eventually(lambda: (a := nginx.ask(WHO, path=path)).body.endswith(b"retry: 30000\n\n") and a)
    check_come_back(answer)


def check_come_back(answer):
    check_headers(answer)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.all("Cache-Control") == ["no-store, no-transform"]
    assert answer.all("X-Accel-Buffering") == ["no"]
    assert answer.body.startswith(b": too many streams"), "says why, to whom looks"


@pytest.fixture
def two_streams():
    world = World(LIMIT_LOOPBACK=1, STREAMS_PER_CLIENT=2, RATE=0)
    try:
        yield world.start()
    finally:
        world.stack.end()


def test_a_stream_too_many_comes_back_later(two_streams):
    """Two may be open; the third has room when one of them ends."""
    http = two_streams.http
    with http.stream("/live-monitor") as one, http.stream("/live-monitor") as two:
        assert one.next_event() and two.next_event()
        for path in ("/live-monitor", "/exhibits/waiter?n=3"):
            check_come_back(http.get(path))
    with eventually(lambda: (s := http.stream("/live-monitor")).wait_retry() != 30000 and s, "room") as stream:
        assert stream.next_event()
