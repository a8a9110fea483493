"""Redis' clock is a wall clock: somebody sets it, or its machine slept. No duration and nobody's life
may depend on that. Here the clock stays, and what was written by the one of before is moved instead:
that looks the same to every function."""
import pytest

from functions_client import (DELAYED, HOUR_MS, PULSE, Worker, heartbeat_key, job_key, new_id,
                              snapshot)

TTL = 60000
HOUR = HOUR_MS
MINUTE = 60000


@pytest.fixture
def w1(worker):
    return Worker(worker)


@pytest.fixture
def now(admin):
    """Redis' clock, in ms."""
    def read():
        seconds, us = admin.time()
        return seconds * 1000 + us // 1000
    return read


@pytest.fixture
def held(api, worker, admin, w1):
    """An order that w1 holds, whose heartbeat has run out."""
    id_ = new_id()
    api.place(id_)
    w1.claim(id_)
    admin.delete(heartbeat_key("w1"))
    return id_


def pulse(admin, since, last, set_at=0):
    admin.set(PULSE, f"{since} {last} {set_at}")


def about(ms):
    return pytest.approx(ms, abs=30000)


# who is dead


def test_the_dead_are_reaped_when_all_who_live_were_heard(worker, admin, held, now):
    pulse(admin, now() - TTL, now())
    assert worker.reap_by_clock("w1", [], now(), TTL) == ["reaped", 0, 1]
    assert worker.reap_by_clock("w1", [held], now(), TTL) == ["reaped", 1, 0]
    assert admin.hget(job_key(held), "crashes") == "1"


@pytest.mark.parametrize("since_ago, ttl, apart", [
    (TTL - 30000, TTL, 0),       # not yet steady for a time to live
    (TTL, 2 * TTL, 0),
    (TTL, TTL, HOUR),            # set forward since the caller asked
    (TTL, TTL, 2000),
    (TTL, TTL, -HOUR),           # set back
], ids=str)
def test_nobody_is_dead_because_of_a_clock(worker, admin, held, now, since_ago, ttl, apart):
    pulse(admin, now() - since_ago, now())
    before = snapshot(admin)
    assert worker.reap_by_clock("w1", [held], now() - apart, ttl) == ["alive"]
    assert snapshot(admin) == before


def test_without_a_pulse_nobody_is_dead(worker, admin, held, now):
    assert worker.reap_by_clock("w1", [held], now(), TTL) == ["alive"]


def test_a_forward_step_starts_the_pulse_anew(worker, admin, held, now):
    pulse(admin, now() - HOUR, now() - 31000)  # a step of half a minute between two heartbeats
    assert worker.beat_all("w2", TTL)[:2] == ["ok", 0]
    assert worker.reap_by_clock("w1", [held], now(), TTL) == ["alive"]


def test_a_heartbeat_of_before_the_clock_was_set_back_is_none(worker, admin, held, now):
    admin.set(heartbeat_key("w1"), "2999-01-01T00:00:00.000Z", px=HOUR)
    pulse(admin, now() - TTL, now())
    assert worker.reap_by_clock("w1", [held], now(), TTL) == ["reaped", 1, 0]


def test_the_living_are_not_reaped_by_the_clock_either(worker, admin, held, now):
    worker.beat("w1", HOUR)
    pulse(admin, now() - TTL, now())
    assert worker.reap_by_clock("w1", [held], now(), TTL) == ["alive"]


# what waits


def test_take_is_late_when_the_clock_shows_more_than_the_caller_expects(api, worker, admin, w1, now):
    ready, due = new_id(), new_id("update")
    api.place(ready)
    api.accept_update(due, delay=1)
    before = snapshot(admin)
    assert worker.take("w1", 5, now() - 30000) == ["late"]
    assert snapshot(admin) == before
    assert worker.take("stranger", 5, now() - 30000) == ["unregistered"]
    assert worker.take("w1", 5, now() + 30000)[1:] == [due, ready], "set back: nothing is too early"


def test_what_waits_is_put_off_by_what_the_clock_was_set_forward(api, worker, admin, now):
    id_ = new_id("update")
    worker.beat_all("w1", TTL)
    agreed = now() - 1000
    api.accept_update(id_, delay=MINUTE)
    due = admin.zscore(DELAYED, id_)
    word, told = worker.clock_set(agreed, HOUR)
    assert word == "put_off" and told == about(now())
    assert admin.zscore(DELAYED, id_) == due + HOUR
    assert worker.clock_set(agreed, HOUR)[0] == "known", "another worker tells the same"
    assert admin.zscore(DELAYED, id_) == due + HOUR
    assert worker.clock_set(now(), 2 * HOUR)[0] == "put_off", "set again"
    assert admin.zscore(DELAYED, id_) == due + 3 * HOUR
    assert worker.beat_all("w1", TTL)[1] < 30000, "and nobody is dead meanwhile"


def test_set_forward_and_back_and_forward(api, worker, admin, now):
    id_ = new_id("update")
    worker.beat_all("w1", TTL)
    api.accept_update(id_, delay=MINUTE)
    due = admin.zscore(DELAYED, id_)
    pulse(admin, now(), now() + HOUR, set_at=now() + HOUR)  # it had been set forward an hour before
    assert worker.beat_all("w1", TTL)[:2] == ["ok", 0]
    assert admin.zscore(DELAYED, id_) == about(due - HOUR)
    assert worker.clock_set(now(), HOUR)[0] == "put_off", "the time of the first is no time any more"
    assert admin.zscore(DELAYED, id_) == about(due)


def test_a_pulse_of_the_version_before_is_understood(worker, admin, now):
    admin.set(PULSE, f"{now() - 500000} {now() - 1000}")
    assert worker.clock_set(now(), 1000)[0] == "put_off"
    admin.set(PULSE, f"{now() - 500000} {now() - 1000}")
    assert worker.beat_all("w1", TTL)[1] == about(500000)
