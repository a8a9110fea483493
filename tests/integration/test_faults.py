"""Whatever dies: no acknowledged order is lost, none is paid twice, and it heals by itself."""
import concurrent.futures
import http.client
import os
import signal
import subprocess
import threading
import uuid

import pytest

import shapes
from shapes import check_json, check_problem
from tiffin_http import versions
from tiffin_stack import BIN_DIR, eventually
from tiffin_store import CHAT_LOG, DELAYED, EVENTS, GOOD_LIFE, PAUSED, READY, WORKERS, figures


@pytest.fixture
def world(own_world):
    """This module's own stack: healthy before each test, consistent after it."""
    eventually(own_world.http.answers, "a healthy stack")
    eventually(lambda: own_world.store.patiently(lambda: own_world.store.redis.scard(WORKERS)) == 1,
               "one worker, and none that is dead")
    yield own_world
    eventually(own_world.http.answers, "a healthy stack")
    own_world.store.patiently(own_world.store.check_everything)


class Crowd:
    """Customers who order and watch until the end, again and again, while things break. Each
    repeats an order that was not acknowledged, with its key."""

    def __init__(self, world, size=8):
        self.http, self.store = world.http, world.store
        self.ids, self.refusals, self.lock = [], [], threading.Lock()
        self.stop = threading.Event()
        self.before = world.store.count("placed")
        self.pool = concurrent.futures.ThreadPoolExecutor(size)
        self.customers = [self.pool.submit(self._customer) for _ in range(size)]

    def _place(self):
        key = uuid.uuid4().hex
        while True:
            try:
                answer = self.http.place(key=key)
            except (OSError, http.client.HTTPException):
                continue
            if answer.status == 201:
                return answer.json["order_id"]
            check_problem(answer, 503)
            with self.lock:
                self.refusals.append(answer)

    def _customer(self):
        while not self.stop.is_set():
            id_ = self._place()
            with self.lock:
                self.ids.append(id_)
            events = self.http.follow(id_)
            seen = versions(events)
            last = len(GOOD_LIFE)
            if events and events[-1].type == "end":
                assert seen == list(range(seen[0], last + 1)), (id_, events)
            else:
                assert seen[-1] == last, f"204 only after the last version: {events}"

    def wait_more(self, n=10):
        """Until so many further orders are acknowledged."""
        target = len(self.ids) + n
        eventually(lambda: len(self.ids) >= target or any(c.done() for c in self.customers),
                   "more orders")

    def __enter__(self):
        self.wait_more()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for customer in self.customers:
            customer.result()
        self.pool.shutdown()

    def check(self):
        """All that was acknowledged is there, once, delivered and paid."""
        orders = self.store.wait_settled(self.ids)
        assert {order["status"] for order in orders.values()} == {"delivered"}
        assert len(orders) == len(self.ids) == self.store.count("placed") - self.before
        for id_ in self.ids:
            assert self.store.history(id_) == GOOD_LIFE
            assert self.store.ledger(id_)["captures"] == "1"


# ---- kill -9 under load -------------------------------------------------------------------------

@pytest.mark.parametrize("victims", [["worker"], ["redis"], ["api"], ["nginx"],
                                     ["redis", "worker", "api", "nginx"]])
def test_killed_under_load(world, victims):
    with Crowd(world) as crowd:
        old = {name: world.stack.pid(name) for name in victims}
        for pid in old.values():
            os.kill(pid, signal.SIGKILL)
        for name, pid in old.items():
            eventually(lambda: world.stack.pid(name) != pid, f"another {name}")
        eventually(world.http.answers, "a healthy stack")
        crowd.wait_more()
    crowd.check()


def test_killed_api_master_leaves_nothing_behind(world):
    old = world.stack.children("api") + [world.stack.pid("api")]
    os.kill(old[-1], signal.SIGKILL)
    answer = world.http.get("/readyz")
    if answer.status != 200:
        check_problem(answer, 503)
    eventually(lambda: world.stack.pid("api") != old[-1], "another api")
    eventually(world.http.answers, "the API")
    assert not set(old) & set(world.stack.processes())
    eventually(lambda: len(world.stack.children("api")) == 2, "both children")
    check_json(world.http.place(), 201, {"order_id": shapes.ORDER_ID})


def test_killed_nginx_leaves_nothing_behind(world):
    old = set(world.stack.children("nginx")) | {world.stack.pid("nginx")}
    world.stack.kill("nginx")
    eventually(world.http.answers, "nginx")
    assert not old & set(world.stack.processes()), "its workers would keep the port"
    check_json(world.http.place(), 201, {"order_id": shapes.ORDER_ID})


# ---- the worker ---------------------------------------------------------------------------------

def test_worker_killed_before_it_paid(world):
    store = world.store
    with world.stack.only_worker(PAYMENT_MS=20000) as victim:
        ids = [world.http.place().json["order_id"] for _ in range(5)]
        keys = [store.wait_field(id_, "payment_key") for id_ in ids]
        victim.kill()
        victim.wait()
        store.check_invariant()
    store.wait_settled(ids)
    for id_, key in zip(ids, keys):
        assert store.history(id_) == GOOD_LIFE
        assert store.order(id_)["payment_key"] == key
        assert (store.ledger(id_)["requests"], store.ledger(id_)["captures"]) == ("1", "1")


def test_worker_killed_after_it_paid(world):
    """The money has moved, but nobody wrote it down: asked again, the gateway says the same."""
    store = world.store
    with world.stack.only_worker(PAYMENT_MS=500, PAYMENT_LOST_REPLY_PCT=100) as victim:
        id_ = world.http.place().json["order_id"]
        eventually(lambda: store.ledger(id_).get("captures") == "1", "the capture")
        victim.kill()
        victim.wait()
        assert store.order(id_)["payment_status"] == "pending"
    store.wait_settled([id_])
    assert store.history(id_) == GOOD_LIFE
    assert int(store.ledger(id_)["requests"]) >= 2 and store.ledger(id_)["captures"] == "1"


def test_worker_that_wakes_up_too_late(world):
    """Others have done its work meanwhile: what it still writes is refused."""
    store = world.store
    with world.stack.only_worker(PAYMENT_MS=500) as sleeper:
        ids = [world.http.place().json["order_id"] for _ in range(3)]
        for id_ in ids:
            store.wait_field(id_, "payment_key")
        sleeper.send_signal(signal.SIGSTOP)
        with world.stack.own_worker():
            store.wait_settled(ids)
            sleeper.send_signal(signal.SIGCONT)
            late = world.http.place().json["order_id"]
            store.wait_settled([late])
            eventually(lambda: store.redis.scard(WORKERS) == 2, "the sleeper among the workers")
            assert sleeper.poll() is None, "being fenced is no reason to die"
    for id_ in ids:
        assert store.history(id_) == GOOD_LIFE and store.ledger(id_)["captures"] == "1"


def test_worker_that_wakes_up_when_all_is_forgotten(world):
    """The ledger does not know the key any more (memory was short): it must not be charged anew, not
    even by a worker that has renewed its lease before its call to the gateway comes to an end."""
    store = world.store
    with world.stack.only_worker(PAYMENT_MS=5000) as sleeper:
        id_ = world.http.place().json["order_id"]
        key = store.wait_field(id_, "payment_key")
        eventually(lambda: figures(store.redis, sleeper.pid).get("jobs_held") == 1, "the order in its hands")
        sleeper.send_signal(signal.SIGSTOP)
        with world.stack.own_worker():
            store.wait_settled([id_])
            entry = store.redis.hgetall(f"gateway:{{s00}}:{key}")
            store.redis.delete(f"gateway:{{s00}}:{key}")
            sleeper.send_signal(signal.SIGCONT)
            eventually(lambda: store.redis.scard(WORKERS) == 2, "the sleeper among the workers")
            eventually(lambda: figures(store.redis, sleeper.pid).get("jobs_held") == 0, "the sleeper to let go")
        late = world.http.place().json["order_id"]  # by the sleeper, which has come to itself
        store.wait_settled([late])
        assert store.redis.exists(f"gateway:{{s00}}:{key}") == 0, "charged again"
        store.redis.hset(f"gateway:{{s00}}:{key}", mapping=entry)  # for the check of the money


def test_worker_that_is_asked_to_stop_gives_its_jobs_back(world):
    store = world.store
    with world.stack.without("worker"):
        with world.stack.own_worker(PAYMENT_MS=20000, DRAIN_MS=0) as worker:
            ids = [world.http.place().json["order_id"] for _ in range(5)]
            for id_ in ids:
                store.wait_field(id_, "payment_key")
            worker.terminate()
            assert worker.wait() == 0
        assert set(store.redis.lrange(READY, 0, -1)) == set(ids)
        assert store.redis.smembers(WORKERS) == set()
        assert all("crashes" not in store.order(id_) for id_ in ids), "leaving is no crash"
    store.wait_settled(ids)
    assert all(store.history(id_) == GOOD_LIFE for id_ in ids)
    assert all(store.ledger(id_)["requests"] == "1" for id_ in ids)


def test_worker_that_is_asked_to_stop_finishes_what_it_can(world):
    store = world.store
    with world.stack.without("worker"):
        with world.stack.own_worker(PAYMENT_MS=300, STAGE_MIN_MS=0, STAGE_MAX_MS=0,
                                    DRAIN_MS=20000) as worker:
            id_ = world.http.place().json["order_id"]
            store.wait_field(id_, "payment_key")
            worker.terminate()
            assert worker.wait() == 0
        assert int(store.order(id_)["version"]) > 1, "it saw the charge through"
        store.check_invariant()
    store.wait_settled([id_])
    assert store.history(id_) == GOOD_LIFE


def test_two_workers_share_and_both_leave(world):
    store = world.store
    with world.stack.own_worker():
        eventually(lambda: store.redis.scard(WORKERS) == 2, "both workers")
        ids = [world.http.place().json["order_id"] for _ in range(60)]
        store.wait_settled(ids)
        assert store.redis.scard(WORKERS) == 2
    assert store.redis.scard(WORKERS) == 1
    assert all(store.history(id_) == GOOD_LIFE for id_ in ids)


# ---- Redis --------------------------------------------------------------------------------------

def test_redis_killed_keeps_everything(world):
    """Order, job, delayed stage, update: all of it was on disk before it was answered."""
    store, http_ = world.store, world.http
    with world.stack.without("worker"):
        ids = [http_.place().json["order_id"] for _ in range(20)]
        update = http_.post("/new-update-and-broadcast", data={"message": "After the fall"})
        before = {id_: store.order(id_) for id_ in ids}
        world.stack.kill("redis")
        assert {id_: store.order(id_) for id_ in ids} == before
        store.patiently(store.check_invariant)
        assert store.redis.zscore(DELAYED, update.json["update_id"])
    store.wait_settled(ids)
    eventually(lambda: any(fields["text"] == "After the fall"
                           for _, fields in store.redis.xrange(CHAT_LOG)), "the broadcast")


def test_redis_stopped_means_503_and_no_half_orders(world):
    """An order answered 503 was either not stored, or its key replays."""
    http_, store = world.http, world.store
    before, keys = store.count("placed"), [uuid.uuid4().hex for _ in range(6)]
    with world.stack.frozen("redis"), concurrent.futures.ThreadPoolExecutor(10) as pool:
        posts = [pool.submit(http_.place, key=key) for key in keys]
        unkeyed = [pool.submit(http_.place) for _ in range(2)]
        reads = [pool.submit(http_.get, path) for path in ("/restaurants/resto_123", "/readyz")]
        for answer in [future.result() for future in posts + unkeyed + reads]:
            check_problem(answer, 503)
        assert http_.get("/healthz").status == 200, "the process itself is well"
    eventually(http_.answers, "the stack")
    for answer in (future.result() for future in unkeyed):
        assert answer.json["detail"]
    answers = [http_.place(key=key) for key in keys]
    assert {answer.status for answer in answers} == {201}
    ids = {answer.json["order_id"] for answer in answers}
    assert len(ids) == len(keys)
    # The two without a key: late arrivals store nothing.
    assert store.count("placed") == before + len(keys)
    assert {order["status"] for order in store.wait_settled(ids).values()} == {"delivered"}


def test_redis_stopped_for_a_moment_is_waited_for(world):
    """Within the request's deadline the order is repeated under the same id, not refused."""
    before = world.store.count("placed")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        with world.stack.frozen("redis"):
            posts = [pool.submit(world.http.place) for _ in range(4)]
            eventually(lambda: all(future.running() or future.done() for future in posts))
        answers = [future.result() for future in posts]
    assert {answer.status for answer in answers} == {201}, answers
    assert world.store.count("placed") == before + 4
    world.store.wait_settled(answer.json["order_id"] for answer in answers)


def test_redis_away(world):
    http_ = world.http
    with world.stack.without("redis"):
        eventually(lambda: http_.get("/readyz").status == 503, "503 of /readyz")
        problem = check_problem(http_.get("/readyz"), 503)
        assert problem["detail"] != problem["title"], "it says why"
        status = check_json(http_.get("/status"), 200, shapes.SYSTEM)
        assert (status["status"], status["redis"]) == ("degraded", "down")
        check_json(http_.get("/healthz"), 200, {})
        for path in ("/restaurants", "/restaurants/resto_123", "/restaurants/resto_123/menu",
                     "/restaurants/resto_123/full-details", "/users/123/dashboard",
                     "/order/order_00" + "e" * 20):
            check_problem(http_.get(path), 503)
        with concurrent.futures.ThreadPoolExecutor() as pool:  # each waits for its deadline
            order = pool.submit(http_.place)
            update = pool.submit(http_.post, "/new-update-and-broadcast", data={"message": "Hi"})
        assert "Nothing was stored" in check_problem(order.result(), 503)["detail"]
        check_problem(update.result(), 503)
        check_problem(http_.post("/order/order_00" + "e" * 20 + "/cancel"), 503)
    eventually(http_.answers, "the stack")
    eventually(lambda: http_.status()["status"] == "ok", "a healthy /status")


def test_redis_nearly_full_refuses_orders_and_finishes_the_rest(world):
    http_, store = world.http, world.store
    limit = store.redis.config_get("maxmemory")["maxmemory"]
    with world.stack.without("worker"):
        ids = [http_.place().json["order_id"] for _ in range(5)]
        store.redis.config_set("maxmemory", int(store.redis.info("memory")["used_memory"] * 1.1))
        try:
            def refused():
                answer = http_.place()
                if answer.status == 201:  # the API looks once a second
                    ids.append(answer.json["order_id"])
                return answer.status != 201 and answer
            check_problem(eventually(refused, "a refusal"), 503)
            assert http_.get("/order/" + ids[0]).status == 200
            with world.stack.own_worker():
                store.wait_settled(ids)
        finally:
            store.redis.config_set("maxmemory", limit)
    assert all(store.history(id_) == GOOD_LIFE for id_ in ids)
    placed = eventually(lambda: (answer := http_.place()).status == 201 and answer, "orders again")
    store.wait_settled([placed.json["order_id"]])


# ---- what the status page says ------------------------------------------------------------------

def test_no_worker(world):
    with world.stack.without("worker"):
        def degraded():
            status = world.http.status()
            return status["workers"] == 0 and status
        status = eventually(degraded, "no worker in /status")
        assert status["status"] == "degraded" and status["redis"] == "up"
        check_json(world.http.get("/readyz"), 200, {})  # orders can be taken all the same
        id_ = world.http.place().json["order_id"]
    eventually(lambda: world.http.status()["status"] == "ok", "a healthy /status")
    assert world.store.wait_settled([id_])[id_]["status"] == "delivered"


def test_missing_function_library(world):
    """A Redis that has not our functions takes no orders; what is said helps."""
    world.store.redis.execute_command("FUNCTION", "FLUSH")
    try:
        problem = check_problem(world.http.get("/readyz"), 503)
        assert "tiffin-load" in problem["detail"]
        check_problem(world.http.place(), 503)
    finally:
        subprocess.run([BIN_DIR / "tiffin-load"], check=True, env=world.stack.environment())
    check_json(world.http.get("/readyz"), 200, {})


# ---- dead jobs, a paused queue ------------------------------------------------------------------

def fcall(store, name, keys, *args):
    return store.redis.execute_command("FCALL", name, len(keys), *keys, *args)


def test_an_order_that_no_try_settles_needs_review(world):
    store, http_ = world.store, world.http
    with world.stack.without("worker"):
        id_ = http_.place().json["order_id"]
        store.redis.hset("order:{s00}:" + id_, "tries", 7)  # seven took minutes; this is the last
        with http_.live(id_) as stream:
            with world.stack.own_worker(PAYMENT_ERROR_PCT=100):
                event = stream.wait_for(status="needs_review")
                assert event.json["payment_status"] == "pending", "unknown is not declined"
                check_problem(http_.post(f"/order/{id_}/cancel"), 409)
                eventually(lambda: http_.status()["jobs"]["dead"] == 1, "the dead job in /status")
                store.check_everything()
            assert store.order(id_)["dead_reason"] and not stream.is_over, "its stream is held"
            assert fcall(store, "requeue", ["order:{s00}:" + id_, READY, "jobs:{s00}:dead", EVENTS],
                         id_) == ["requeued", "payment"]
            with world.stack.own_worker():
                list(stream)
        assert stream.events[-1].json == {"status": "delivered"}
        seen = versions(stream.events)
        assert seen == list(range(1, len(seen) + 1))
    assert store.history(id_) == [GOOD_LIFE[0], ("needs_review", "pending", "pending"), *GOOD_LIFE]
    assert store.ledger(id_)["captures"] == "1"


def test_a_paused_queue_takes_orders_and_starts_none(world):
    store = world.store
    assert fcall(store, "pause", [PAUSED]) == ["paused"]
    try:
        ids = [world.http.place().json["order_id"] for _ in range(5)]
        eventually(lambda: world.http.status()["jobs"]["paused"] is True, "the pause in /status")
        assert set(store.redis.lrange(READY, 0, -1)) == set(ids)
    finally:
        assert fcall(store, "resume", [PAUSED]) == ["resumed"]
    assert {order["status"] for order in store.wait_settled(ids).values()} == {"delivered"}


# ---- the supervisors: the last test, a new start ------------------------------------------------

def test_down_and_up_after_the_supervisors_were_killed(world):
    id_ = world.http.place().json["order_id"]
    world.store.wait_settled([id_])
    for pid, name in world.stack.processes().items():
        if name.startswith("s6-"):
            os.kill(pid, signal.SIGKILL)
    assert world.stack.processes(), "the services live on alone"
    assert world.stack.down().returncode == 0
    assert world.stack.processes() == {}
    world.stack.up()
    assert world.http.order(id_)["status"] == "delivered"
