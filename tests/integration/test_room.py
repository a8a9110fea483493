"""Redis fills up: what is over makes room, what is not stays, and orders go on being accepted."""
import http.client
import json
import subprocess
import time

import pytest

from tiffin_world import World
from shapes import check_problem
from tiffin_stack import BIN_DIR, DEADLINE_S, eventually
from tiffin_store import COUNT, EVENTS, PAUSED

INDEX = "orders:{s00}:index"
UPDATES = "/new-update-and-broadcast"
CURRY = {"restaurant_id": "resto_123", "item": "Curry"}
NO_WAITS = {"PAYMENT_MS": 0, "KITCHEN_MS": 0, "STAGE_MIN_MS": 0, "STAGE_MAX_MS": 0,
            "REQUEST_TIMEOUT_MS": 300}
MB = 1 << 20


@pytest.fixture
def world():
    """Two workers, as they must not get into each other's way."""
    world = World(WORKERS=2, ACCESS_LOG=0, **NO_WAITS)
    try:
        yield world.start()
    finally:
        world.stack.end()


def used(store):
    return store.redis.info("memory")["used_memory"]


def flood(world, n):
    """n orders of one client over one connection, which waits while memory is short: an order that may
    still be repeated is not let go, so who is quick enough fills any room.
    -> the status codes that came"""
    limit = int(world.store.redis.config_get("maxmemory")["maxmemory"])
    connection = http.client.HTTPConnection("127.0.0.1", world.stack.port, timeout=DEADLINE_S)
    seen = set()
    for i in range(n):
        if i % 50 == 0 and used(world.store) > 0.7 * limit:
            eventually(lambda: used(world.store) < 0.65 * limit, "room")
        connection.request("POST", "/order", body=json.dumps(CURRY),
                           headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        seen.add(answer.status)
    connection.close()
    return seen


def is_clean(world):
    done = subprocess.run([BIN_DIR / "tiffin-ctl", "fsck"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_S,
                          env=world.stack.environment())
    assert done.returncode == 0, done.stdout + done.stderr


def test_settled_orders_give_way_and_orders_are_accepted_on(world):
    """More orders than ever fit at once."""
    store = world.store
    store.redis.config_set("maxmemory", used(store) + 6 * MB)
    store.redis.set(PAUSED, "by the test")
    held = [world.http.place().json["order_id"] for _ in range(5)]
    for id_ in held:  # in review they are out of the workers' way
        store.redis.hset("order:{s00}:" + id_, "step", "unknown")
    store.redis.delete(PAUSED)
    for id_ in held:
        store.redis.hset("order:{s00}:" + id_, "tries", 7)
        store.wait_field(id_, "status", "needs_review")
    key = "key-of-the-room-tests"
    first = world.http.place(key=key).json["order_id"]

    assert flood(world, 4000) == {201}
    eventually(lambda: store.count("settled") == 4001, "all settled")
    assert store.count("orders_forgotten") > 0
    assert all(store.redis.exists("order:{s00}:" + id_) for id_ in held), "not settled, not gone"
    assert world.http.get("/order/" + first).status == 404
    again = world.http.place(key=key)
    assert (again.status, again.json["order_id"]) == (201, first)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert store.redis.xlen(EVENTS) < 20000

    def count(pattern):
        return sum(1 for _ in store.redis.scan_iter(pattern, count=1000))
    # An order that gives way leaves the index first, and its entry in the ledger goes with it.
    eventually(lambda: count("order:{s00}:*") == store.redis.zcard(INDEX)
               == count("gateway:{s00}:*") + len(held), "none is half gone")
    for id_ in held:
        store.redis.hset("order:{s00}:" + id_, "step", "payment")
    is_clean(world)


def test_full_of_what_cannot_go_is_refused_and_seen(world):
    """Unsettled orders alone: they stay, new ones are refused, nobody spins, and all say so."""
    store, http_ = world.store, world.http
    store.redis.set(PAUSED, "by the test")
    ids = [http_.place().json["order_id"] for _ in range(50)]
    store.redis.config_set("maxmemory", used(store) * 10 // 9)

    def status():
        return http_.get("/status").json

    seen = eventually(lambda: (now := status())["memory"]["refusing_orders"] and now, "the API sees it")
    assert seen["status"] == "degraded" and seen["redis"] == "up"
    assert 0.8 < seen["memory"]["used_bytes"] / seen["memory"]["max_bytes"] < 1
    eventually(lambda: all(http_.get("/status").json["memory"]["refusing_orders"]
                           for _ in range(20)), "each process of the pool sees it")
    for answer in (http_.place(), http_.post(UPDATES, data={"message": "Soup"})):
        check_problem(answer, 503)
        assert "full" in answer.json["detail"]
    assert http_.get("/readyz").status == 200
    metrics = http_.get("/metrics").body.decode()
    for line in ("tiffin_refusing_orders 1", "tiffin_orders_forgotten_total 0",
                 f"tiffin_redis_memory_max_bytes {seen['memory']['max_bytes']}"):
        assert line + "\n" in metrics
    calls = store.redis.info("commandstats")["cmdstat_fcall"]["calls"]
    time.sleep(2)  # two rounds of each worker: beats and looks, and no walk without end
    assert store.redis.info("commandstats")["cmdstat_fcall"]["calls"] - calls < 200
    assert all(store.redis.exists("order:{s00}:" + id_) for id_ in ids)

    store.redis.config_set("maxmemory", 0)
    eventually(lambda: http_.place().status == 201, "orders are taken again")
    store.redis.delete(PAUSED)
    store.wait_settled(ids)
    eventually(lambda: all((now := status())["status"] == "ok" and now["memory"]["max_bytes"] == 0
                           and not now["memory"]["refusing_orders"] for _ in range(20)), "no limit")
    is_clean(world)
