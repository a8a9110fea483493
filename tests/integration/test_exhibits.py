"""The streams that are not of one order: the monitor, and the waiter at work."""
import pytest

import shapes
from shapes import check_problem, check_shape
from tiffin_http import ORDER
from tiffin_stack import eventually

MONITOR = {**shapes.SYSTEM, "orders_per_min": shapes.NUMBER, "requests_per_s": shapes.NUMBER,
           "p50_ms": shapes.NUMBER, "p99_ms": shapes.NUMBER, "chat_per_s": shapes.NUMBER}


def test_monitor_shows_what_status_shows(http, store):
    ids = [http.post("/order", data=ORDER).json["order_id"] for _ in range(5)]
    store.wait_settled(ids)
    with http.stream("/live-monitor") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store, no-transform"
        delivered = store.count("delivered")
        for event in stream:
            check_shape(event.json, MONITOR)
            assert event.type == "message" and event.id == ""
            if event.json["live"]["sse"] == 1 and event.json["orders"]["delivered"] == delivered \
                    and event.json["status"] == "ok":
                break
        assert event.json["redis"] == "up"
        assert event.json["orders_per_min"] >= 5
        assert event.json["p50_ms"] <= event.json["p99_ms"]
        assert set(event.json) >= set(http.status())
    eventually(lambda: http.status()["live"]["sse"] == 0, "no stream in /status")


def test_monitor_viewers_see_the_same_second(http, stack):
    """One gathering and one record serve all viewers of a process."""
    streams, processes = [http.stream("/live-monitor") for _ in range(8)], len(stack.children("api"))
    heard = [set() for _ in streams]

    def groups():
        """Viewers who have heard a text in common are one."""
        for stream, texts in zip(streams, heard):  # each a second further
            texts.add(stream.next_event().data)
        found = []
        for texts in heard:
            mine = next((group for group in found if group & texts), None)
            if mine is None:
                found.append(set(texts))
            else:
                mine |= texts
        return len(found)
    eventually(lambda: groups() <= processes, "not a text for each viewer")
    for stream in streams:
        stream.close()


def test_monitor_goes_on_while_redis_is_away(http, stack):
    with http.stream("/live-monitor") as stream:
        stream.next_event()
        with stack.without("redis"):
            stream.wait_for(redis="down", status="degraded")
        stream.wait_for(redis="up", status="ok")
    eventually(http.answers, "the stack")


@pytest.mark.parametrize("n", [1, 20, 200])
def test_waiter_serves_all_tables_at_once(http, n):
    with http.stream(f"/exhibits/waiter?n={n}") as stream:
        *tables, end = list(stream)
        assert stream.was_complete
    assert sorted(event.json["i"] for event in tables) == list(range(1, n + 1))
    assert all(event.type == "message" and event.json["ms"] >= 0 for event in tables)
    assert end.type == "end"
    numbers = end.json
    check_shape(numbers, {"total_ms": int})
    one_at_a_time = [value for name, value in numbers.items() if name not in ("n", "total_ms")]
    assert one_at_a_time == [sum(event.json["ms"] for event in tables)]
    assert numbers["total_ms"] >= max(event.json["ms"] for event in tables)
    if n > 1:
        assert numbers["total_ms"] < one_at_a_time[0]


@pytest.mark.parametrize("n", ["0", "201", "-1", "x", "1.5", "", "99999999999999999999"])
def test_waiter_with_a_bad_number(http, n):
    check_problem(http.get(f"/exhibits/waiter?n={n}"), 422)


def test_waiter_with_a_number_twice(http):
    check_problem(http.get("/exhibits/waiter?n=1&n=2"), 422)


@pytest.mark.parametrize("path", ["/live-monitor", "/exhibits/waiter?n=1"])
@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_streams_are_only_for_get(http, method, path):
    answer = http.request(method, path)
    assert answer.status == 405 and answer.all("Allow") == ["GET"], answer


def test_no_other_exhibit(http):
    check_problem(http.get("/exhibits/"), 404)
    check_problem(http.get("/exhibits/cook"), 404)


def test_a_visitor_who_leaves_early(http):
    """A hundred waits under way with nobody to tell: nothing but a stream fewer."""
    for _ in range(5):
        http.stream("/exhibits/waiter?n=100").close()
    eventually(lambda: http.status()["live"]["sse"] == 0, "no stream in /status")
    assert http.get("/healthz").status == 200
