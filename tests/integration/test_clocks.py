"""Redis' wall clock is set while the system works. Nobody who lives is taken for dead, who is dead is
not taken for alive, what waits waits as long as it would have, orders go on."""
import time

import pytest

from tiffin_world import World
from tiffin_clock import ClockStack
from tiffin_stack import eventually
from tiffin_store import DELAYED, WORKERS

TTL_MS = 4000
PULSE = "pulse:{s00}"


@pytest.fixture(scope="module")
def clock_world():
    world = World(ClockStack(WORKERS=2, WORKER_TTL_MS=TTL_MS, WORKER_CONCURRENCY=4,
                             API_PROCESSES=1))
    try:
        yield world.start()
    finally:
        world.stack.end()


@pytest.fixture
def world(clock_world):
    """As it starts: the clocks agree, both workers are known, and steady."""
    clock_world.stack.set_clock(0)
    wait_steady(clock_world.store)
    yield clock_world
    clock_world.store.check_everything()


def now_ms(store):
    seconds, us = store.redis.time()
    return seconds * 1000 + us // 1000


def beats(store):
    """{worker: its latest heartbeat}"""
    return {name: store.redis.get("worker:{s00}:" + name) for name in store.redis.smembers(WORKERS)}


def wait_beats(store, n=2):
    """Until every one of them has been heard again."""
    before = beats(store)
    eventually(lambda: len(after := beats(store)) >= n and all(
        at and at != before.get(name) for name, at in after.items()), "a heartbeat of each")


def wait_steady(store):
    """Until workers may be called dead."""
    wait_beats(store)
    eventually(lambda: now_ms(store) - int(store.redis.get(PULSE).split()[0]) > TTL_MS,
               "a steady pulse")


def crashes(store, ids):
    return {id_: store.order(id_).get("crashes") for id_ in ids}


def test_nobody_who_lives_is_reaped(world):
    """Steps that run every heartbeat out, one after the other; small ones; and all of it back."""
    stack, store = world.stack, world.store
    with stack.own_worker(PAYMENT_MS=60000, WORKER_CONCURRENCY=5) as first, \
            stack.without("worker"), stack.without("worker-2"):
        ids = [world.http.place().json["order_id"] for _ in range(5)]
        for id_ in ids:
            store.wait_field(id_, "payment_key")
        mine = next(w for w in store.redis.smembers(WORKERS) if f"-{first.pid}-" in w)
        with stack.own_worker():
            eventually(lambda: store.redis.scard(WORKERS) == 2, "the other one")
            clock = 0
            for step in (30, 30, 30, 2, -3, -60, 3600):
                wait_steady(store)
                clock += step
                stack.set_clock(clock)
                wait_beats(store)
            wait_steady(store)
            assert store.redis.hlen("jobs:{s00}:active:" + mine) == 5
            assert set(crashes(store, ids).values()) == {None}
            assert "is dead" not in stack.log("own-worker")
        # While they are being paid: the supervised workers would soon have delivered them.
        for id_ in ids:
            assert world.http.post(f"/order/{id_}/cancel").status == 200
    store.wait_settled(ids)


@pytest.mark.parametrize("step", [3600, -3600])
def test_who_is_dead_is_reaped_all_the_same(world, step):
    stack, store = world.stack, world.store
    with stack.own_worker(PAYMENT_MS=60000) as doomed, stack.without("worker"), \
            stack.without("worker-2"):
        id_ = world.http.place().json["order_id"]
        store.wait_field(id_, "payment_key")
        doomed.kill()
        doomed.wait()
        stack.set_clock(step)
    assert store.wait_settled([id_])[id_]["status"] == "delivered"
    assert store.ledger(id_)["captures"] == "1"


def test_what_waits_goes_on_waiting(world):
    """A step shortens no wait, and does not burn the tries of a payment."""
    stack, store = world.stack, world.store
    with stack.without("worker"), stack.without("worker-2"), \
            stack.own_worker(STAGE_MIN_MS=50000, STAGE_MAX_MS=50000):
        id_ = world.http.place().json["order_id"]
        eventually(lambda: store.redis.zscore(DELAYED, id_), "it waits for its stage")
        wait_beats(store, 1)
        clock = 0
        for step in (3600, 60, 7200):
            due, version = store.redis.zscore(DELAYED, id_), store.order(id_)["version"]
            clock += step
            stack.set_clock(clock)
            eventually(lambda: store.redis.zscore(DELAYED, id_) != due, "it is put off")
            assert store.order(id_)["version"] == version
            assert abs(store.redis.zscore(DELAYED, id_) - due - step * 1000) < 1500
            wait_beats(store, 1)
        assert now_ms(store) < store.redis.zscore(DELAYED, id_) < now_ms(store) + 50000
        store.redis.zadd(DELAYED, {id_: 0})
    store.wait_settled([id_])


@pytest.mark.parametrize("step", [3600, -3600])
def test_orders_are_taken_at_the_very_moment(world, step):
    answers = []
    world.stack.set_clock(step)
    until = time.monotonic() + 1.5  # longer than the API takes to learn the time by itself
    while time.monotonic() < until:
        answers.append(world.http.place())
        time.sleep(0.02)
    assert {answer.status for answer in answers} == {201}
    world.store.wait_settled(answer.json["order_id"] for answer in answers)
