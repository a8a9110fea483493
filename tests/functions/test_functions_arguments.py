"""A function is atomic, but it does not roll back: a bad argument must be found before the first
write."""
import pytest
import redis

from functions_client import (COUNT, DEAD, EVENTS, FAR_AWAY_MS, INDEX, PULSE, READY, WORKERS,
                              Worker, active_key, heartbeat_key, job_key, new_id, snapshot)

ORDER, UPDATE = new_id(), new_id("update")


@pytest.fixture
def busy(api, worker):
    """An order and an update in w1's hands, one order due, w0 dead with an order."""
    api.place(ORDER)
    api.accept_update(UPDATE)
    w = Worker(worker)
    assert w.take(2) == [ORDER, UPDATE]
    assert w.begin(ORDER) == w.begin(UPDATE) == 1
    worker.fail("w1", ORDER, 1, wait=0)
    assert w.claim(ORDER) == 2


def hand_to_w0(admin):
    """w0 is registered, has no heartbeat and holds what w1 held."""
    admin.sadd(WORKERS, "w0")
    admin.rename(active_key("w1"), active_key("w0"))


CALLS = {
    "place quantity": lambda api, w, x: api.place(new_id(), quantity=x),
    "place deadline": lambda api, w, x: api.place(new_id(), deadline=x),
    "accept_update delay": lambda api, w, x: api.accept_update(new_id("update"), delay=x),
    "accept_update deadline": lambda api, w, x: api.accept_update(new_id("update"), deadline=x),
    "accept_update limit": lambda api, w, x: api.accept_update(new_id("update"), limit=x),
    "beat ttl": lambda api, w, x: w.beat("w9", x),
    "take n": lambda api, w, x: w.take("w1", x),
    "take now": lambda api, w, x: w.take("w1", 1, x),
    "clock_set agreed": lambda api, w, x: w.clock_set(x, 1000),
    "clock_set ms": lambda api, w, x: w.clock_set(FAR_AWAY_MS, x),
    "step wait": lambda api, w, x: w.step("w1", ORDER, 2, "payment", wait=x),
    "step keep": lambda api, w, x: w.step("w1", ORDER, 2, "payment", "declined", keep=x),
    "settle keep": lambda api, w, x: w.settle(ORDER, keep=x),
    "fail wait": lambda api, w, x: w.fail("w1", ORDER, 2, wait=x),
    "fail allowed": lambda api, w, x: w.fail("w1", ORDER, 2, allowed=x),
    "publish_update kept": lambda api, w, x: w.publish_update("w1", UPDATE, 1, kept=x),
    "chat_post kept": lambda api, w, x: w.chat_post("Hello", kept=x),
    "chat_post deadline": lambda api, w, x: w.chat_post("Hello", deadline=x),
    "chat_beat clients": lambda api, w, x: w.chat_beat("b1", clients=x),
    "chat_beat beat": lambda api, w, x: w.chat_beat("b1", beat=x),
    "chat_beat ttl": lambda api, w, x: w.chat_beat("b1", ttl=x),
    "reap allowed": lambda api, w, x: w.reap("w0", [ORDER], allowed=x),
    "reap ttl": lambda api, w, x: w.reap_by_clock("w0", [ORDER], FAR_AWAY_MS, ttl=x),
    "reap now": lambda api, w, x: w.reap_by_clock("w0", [ORDER], x),
}


@pytest.mark.parametrize("value", ["abc", "", "1.5", "-1", "nan", "inf", "1e300"])
@pytest.mark.parametrize("what", CALLS)
def test_a_number_that_is_none_changes_nothing(busy, api, worker, admin, what, value):
    if what.startswith("reap"):
        hand_to_w0(admin)
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError):
        CALLS[what](api, worker, value)
    assert snapshot(admin) == before


@pytest.mark.parametrize("call", [
    lambda w: w.fcall("reap", [WORKERS, heartbeat_key("w0"), active_key("w0"), READY,
                               DEAD, EVENTS, job_key(ORDER), job_key(UPDATE)],
                      "w0", 8, ORDER),
    lambda w: w.fcall("reap", [WORKERS, heartbeat_key("w0"), active_key("w0"), READY,
                               DEAD, EVENTS, PULSE, job_key(ORDER),
                               job_key(UPDATE)], "w0", 8, 1, 1, ORDER),
    lambda w: w.fcall("leave", [WORKERS, heartbeat_key("w0"), active_key("w0"), READY,
                                job_key(ORDER), job_key(UPDATE)], "w0", ORDER),
    lambda w: w.fcall("trim", [INDEX, job_key(ORDER + "x"), job_key(ORDER + "y")],
                      ORDER + "x"),
    lambda w: w.fcall("trim", [INDEX, job_key(ORDER + "x")], ORDER + "x", ORDER + "y"),
    lambda w: w.fcall("release", [INDEX, job_key(ORDER + "x")], 1, ORDER + "x", ORDER + "y"),
    lambda w: w.fcall("forget", [INDEX, COUNT, job_key(ORDER + "x")]),
    lambda w: w.live_write("p", "a", 1, "b"),
    lambda w: w.live_write("p"),
], ids=["reap", "reap by clock", "leave", "trim", "trim, an id without its key", "release",
        "forget", "live_write, a field without its value", "live_write, nothing"])
def test_a_key_without_its_id_changes_nothing(busy, worker, admin, call):
    hand_to_w0(admin)
    admin.zadd(INDEX, {ORDER + "x": 1, ORDER + "y": 2})
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError):
        call(worker)
    assert snapshot(admin) == before
