"""Live status: a snapshot, then every change once, then the end; from wherever the reader was."""
import concurrent.futures
import contextlib

import pytest

import shapes
from shapes import check_headers, check_problem, check_shape
from tiffin_http import versions
from tiffin_stack import eventually
from tiffin_store import GOOD_LIFE

LAST = len(GOOD_LIFE)


@pytest.fixture(scope="module")
def delivered(shared_world):
    id_ = shared_world.http.place().json["order_id"]
    shared_world.store.wait_settled([id_])
    return id_


@pytest.fixture
def waiting(http, stack):
    """An order that stays at version 1, and what lets it go on."""
    with stack.without("worker"):
        yield http.place().json["order_id"]


def check_end(events, first, status="delivered"):
    """All versions from `first` on, each once and in order, then the end."""
    assert versions(events) == list(range(first, LAST + 1))
    assert [event.type for event in events] == ["message"] * (LAST + 1 - first) + ["end"]
    assert events[-1].json == {"status": status}


# ---- from the beginning -----------------------------------------------------------------------

def test_snapshot_changes_end(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_)
        first = stream.next_event()
        assert versions([first]) == [1]
    with stream:
        events = [first, *stream]
    check_end(events, 1)
    history = http.order(id_)["history"]
    for event, change in zip(events, history):
        check_shape(event.json, shapes.LIVE_STATUS)
        assert event.id == str(change["version"])
        assert event.json == {"order_id": id_, "timestamp": change["at"],
                              **{name: value for name, value in change.items() if name != "at"}}
    assert stream.was_complete, "the server closes, and says so"


def test_head_of_a_stream(http, waiting):
    with http.live(waiting) as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store, no-transform"
        assert stream.headers["Content-Encoding"] is None
        check_headers(type("Answer", (), {"headers": stream.headers, "all": lambda _, name:
                                          stream.headers.get_all(name) or []})())
        assert 1000 <= stream.wait_retry() <= 3000, "two seconds, with jitter"


def test_an_order_at_full_speed(http):
    ids = [http.place().json["order_id"] for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for events in pool.map(lambda id_: list(http.live(id_)), ids):
            check_end(events, versions(events)[0])


def test_two_readers_see_the_same(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        streams = [http.live(id_) for _ in range(4)]
        firsts = [stream.next_event() for stream in streams]
    for first, stream in zip(firsts, streams):
        check_end([first, *stream], 1)
        stream.close()


def test_a_late_reader_sees_the_rest(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        with http.live(id_) as early:
            early.next_event()
            with stack.own_worker(STAGE_MIN_MS=150, STAGE_MAX_MS=150):
                now = early.wait_for(status="preparing_food").json["version"]
                with http.live(id_) as late:
                    events = list(late)
                assert versions(events)[0] >= now
                check_end(events, versions(events)[0])
                list(early)
            check_end(early.events, 1)


def test_cancelled_is_an_end(http, store, waiting, stack):
    with http.live(waiting) as stream:
        stream.next_event()
        http.post(f"/order/{waiting}/cancel")
        assert stream.wait_for(status="cancelled").json["payment_status"] == "pending"
        with stack.own_worker():
            assert stream.wait_for(payment_status="not_charged").json["status"] == "cancelled"
            end = stream.next_event()
            assert (end.type, end.json) == ("end", {"status": "cancelled"})
            assert stream.next_event() is None


# ---- coming back ------------------------------------------------------------------------------

def open_from(http, id_, version, way):
    if way == "header":
        return http.live(id_, version)
    return http.stream(f"/order/{id_}/live-status?{way}={version}")


@pytest.mark.parametrize("way", ["header", "last_event_id", "lastEventId"])
@pytest.mark.parametrize("version", range(1, LAST))
def test_resume_a_settled_order(http, delivered, version, way):
    with open_from(http, delivered, version, way) as stream:
        check_end(list(stream), version + 1)


@pytest.mark.parametrize("way", ["header", "last_event_id", "lastEventId"])
def test_resume_at_the_end_is_204(http, delivered, way):
    with open_from(http, delivered, LAST, way) as stream:
        assert stream.status == 204 and list(stream) == []
        assert stream.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("way", ["header", "last_event_id", "lastEventId"])
def test_resume_a_living_order(http, stack, way):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = open_from(http, id_, 1, way)
        assert stream.wait_retry()
        assert stream.events == [], "the reader has that one"
    with stream:
        check_end(list(stream), 2)


@pytest.mark.parametrize("way", ["header", "last_event_id", "lastEventId"])
def test_zero_is_before_the_first(http, delivered, way):
    """All is newer."""
    with open_from(http, delivered, 0, way) as stream:
        check_end(list(stream), 1)


@pytest.mark.parametrize("way", ["header", "last_event_id", "lastEventId"])
@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "1x", "8", "99999", "4294967297",
                                   "99999999999999999999999", "a" * 1000, "1,2", "0x1"])
def test_an_unusable_id_is_as_none(http, delivered, value, way):
    with open_from(http, delivered, value, way) as stream:
        check_end(list(stream), LAST)


def test_a_too_high_id_of_a_living_order(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_, 5)
        first = stream.next_event()
        assert versions([first]) == [1]
    with stream:
        check_end([first, *stream], 1)


def test_the_header_wins_over_the_query(http, delivered):
    """EventSource keeps the address it was made with; what it saw since is in the header."""
    with http.stream(f"/order/{delivered}/live-status?last_event_id=2",
                     Last_Event_ID=5) as stream:
        check_end(list(stream), 6)


def test_the_first_usable_id_counts(http, delivered):
    for query, header, first in (("last_event_id=2&lastEventId=4", None, 3),
                                 ("last_event_id=x&lastEventId=4", None, 5),
                                 ("lastEventId=4", "x", 5), ("lastEventId=2", 5, 6),
                                 ("lastEventId=0", None, 1)):
        with http.stream(f"/order/{delivered}/live-status?{query}",
                         **({"Last_Event_ID": header} if header else {})) as stream:
            check_end(list(stream), first)


def test_no_parameter_ends_a_stream(http, delivered):
    """EventSource gives up for ever on an error."""
    for query in ("x=1&x=1", "x=%FF&%00=%00", "last_event_id=2&last_event_id=3",
                  "lastEventId=2&lastEventId=2", "last_event_id=%FF", "last_event_id=2%0A",
                  "last_event_id=2+", "last_event_id=02", "&".join(f"x{i}=1" for i in range(100))):
        with http.stream(f"/order/{delivered}/live-status?{query}") as stream:
            check_end(list(stream), LAST)
        with http.stream(f"/live-monitor?{query}") as stream:
            assert stream.next_event().json
        with http.stream(f"/exhibits/waiter?n=1&{query}") as stream:
            assert [event.type for event in stream] == ["message", "end"]


def test_no_proxy_may_hold_or_change_a_stream(http, delivered):
    for path in (f"/order/{delivered}/live-status", "/live-monitor", "/exhibits/waiter?n=1"):
        with http.stream(path) as stream:
            assert stream.headers["Cache-Control"] == "no-store, no-transform"


def test_following_like_a_browser(http, store):
    id_ = http.place().json["order_id"]
    events = http.follow(id_)
    check_end(events, versions(events)[0])
    with http.live(id_, events[-1].id) as again:
        assert again.status == 204


# ---- refusals, and readers that leave -----------------------------------------------------------

@pytest.mark.parametrize("last", [None, 3])
def test_unknown_order(http, last):
    path = "/order/order_00" + "c" * 20 + "/live-status"
    check_problem(http.get(path, headers={"Last-Event-ID": str(last)} if last else {}), 404,
                  "Order not found")


def test_no_head(http, delivered):
    answer = http.request("HEAD", f"/order/{delivered}/live-status")
    assert answer.status == 405 and answer.headers["Allow"] == "GET"


def test_a_reader_that_hangs_up_is_forgotten(http, waiting):
    streams = [http.live(waiting) for _ in range(10)]
    for stream in streams:
        stream.next_event()
    eventually(lambda: http.status()["live"]["sse"] == 10, "ten streams in /status")
    for stream in streams:
        stream.close()
    eventually(lambda: http.status()["live"]["sse"] == 0, "no stream in /status")


def test_one_that_ended_is_not_counted(http, delivered):
    with http.live(delivered) as stream:
        list(stream)
    eventually(lambda: http.status()["live"]["sse"] == 0, "no stream in /status")


def test_a_reader_that_does_not_read_hurts_nobody(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        deaf = [http.live(id_) for _ in range(10)]
        reader = http.live(id_)
        first = reader.next_event()
    with reader:
        check_end([first, *reader], 1)
    for stream in deaf:  # all of it waited for them
        with stream:
            check_end(list(stream), 1)


# ---- the API dies under its streams -------------------------------------------------------------

def test_a_killed_child_costs_a_reconnect(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        stream = http.live(id_)
        assert versions([stream.next_event()]) == [1]
        stack.kill_children("api")
        assert list(stream) == []
        stream.close()
    with http.live(id_, 1) as stream:
        check_end(list(stream), 2)


def test_a_browser_sees_all_while_children_die(http, stack):
    with stack.without("worker"), contextlib.ExitStack() as work:
        def on_event(event):
            version = event.json.get("version")
            if version == 1:  # nothing happens before it is watched
                work.enter_context(stack.own_worker(STAGE_MIN_MS=200, STAGE_MAX_MS=200))
            if version in (3, 5):
                stack.kill_children("api")
        events = http.follow(http.place().json["order_id"], on_event)
    check_end(events, 1)


def test_while_the_api_is_away_a_stream_is_told_to_come_back(http, stack, delivered):
    with stack.without("api"):
        with http.live(delivered) as stream:
            assert stream.status == 200
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert stream.headers["Cache-Control"] == "no-store, no-transform"
            assert list(stream) == [] and stream.retry == 2000 and stream.was_complete
        problem = check_problem(http.get("/order/" + delivered), 503)
        assert "Idempotency-Key" in problem["detail"]
        check_problem(http.place(), 503)
    eventually(http.answers, "the API")
    with http.live(delivered, 1) as stream:
        check_end(list(stream), 2)


def test_a_stopping_api_ends_its_streams_properly(http, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        streams = [http.live(id_) for _ in range(6)]
        for stream in streams:
            assert versions([stream.next_event()]) == [1]
        with stack.without("api"):
            for stream in streams:
                with stream:
                    assert list(stream) == [] and stream.was_complete
        eventually(http.answers, "the API")
    events = http.follow(id_)
    check_end(events, versions(events)[0])


# ---- Redis goes away under its streams ----------------------------------------------------------

def test_killed_redis_breaks_no_stream(http, stack, store):
    with stack.only_worker(STAGE_MIN_MS=200, STAGE_MAX_MS=200):
        id_ = http.place().json["order_id"]
        with http.live(id_) as stream:
            stream.wait_for(kitchen_status="acknowledged")
            stack.kill("redis")
            list(stream)
            check_end(stream.events, versions(stream.events)[0])
            assert stream.was_complete
    store.wait_settled([id_])


def test_stopped_redis_breaks_no_stream(http, stack):
    with stack.only_worker(STAGE_MIN_MS=200, STAGE_MAX_MS=200):
        id_ = http.place().json["order_id"]
        with http.live(id_) as stream:
            stream.wait_for(kitchen_status="acknowledged")
            with stack.frozen("redis"):
                eventually(lambda: http.get("/readyz").status == 503, "503 of /readyz")
            list(stream)
            check_end(stream.events, versions(stream.events)[0])
    eventually(http.answers, "the stack")


def test_streams_opened_while_redis_is_away(http, stack, delivered):
    with stack.without("redis"):
        eventually(lambda: http.get("/readyz").status == 503, "503 of /readyz")
        known = {1 + (last or LAST - 1): http.live(delivered, last) for last in (None, 1, 4, LAST)}
        unknown = http.live("order_00" + "d" * 20)
        for stream in (*known.values(), unknown):
            assert stream.status == 200 and stream.headers["Content-Type"] == "text/event-stream"
            assert stream.wait_retry() and stream.events == []
    for first, stream in known.items():
        with stream:
            check_end(list(stream), first)
    with unknown:
        error = unknown.next_event()
        assert error.type == "error" and error.json == {"error": "Order not found"}
        assert unknown.next_event() is None and unknown.was_complete
    eventually(http.answers, "the stack")


def test_a_stream_opened_while_redis_is_stopped(http, stack, delivered):
    with stack.frozen("redis") as thaw:
        with http.live(delivered, 3) as stream:
            assert stream.status == 200 and stream.wait_retry()
            thaw()
            check_end(list(stream), 4)
    eventually(http.answers, "the stack")
