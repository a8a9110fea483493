"""Redis is there and cannot serve: full, nearly full, read-only, loading, paused. Orders are
refused with a 503 that is true; what was accepted goes on as soon as it can, nobody living is taken
for dead, and all of it heals without a hand."""
import concurrent.futures
import contextlib
import os
import signal
import threading
import time
import uuid

import pytest

from chaos_bench import wait_until
from shapes import check_problem
from tiffin_http import Client
from tiffin_stack import Stack
from tiffin_store import GOOD_LIFE, WORKERS, Store

TTL_S = 2     # a worker that stands still for so long is taken for dead
LOADING_S = 8  # how long Redis loads in that test, at least


class Shop:
    """Two workers, so that one could reap the other; payments long enough to be in hand."""

    def __init__(self):
        self.stack = Stack(WORKERS=2, PAYMENT_MS=300, KITCHEN_MS=100, WORKER_TTL_MS=TTL_S * 1000)
        self.stack.up()
        self.http, self.store = Client(self.stack.port), Store(self.stack)
        self.redis = self.store.redis

    def place(self, n=5):
        answers = [self.http.place() for _ in range(n)]
        assert {answer.status for answer in answers} == {201}, answers
        return [answer.json["order_id"] for answer in answers]

    def in_hand(self, ids):
        """Until each of them is being paid: held by a worker."""
        for id_ in ids:
            self.store.wait_field(id_, "payment_key")
        return ids

    def deaths(self):
        """How often a worker was taken for dead."""
        return sum("is dead:" in line for line in self.stack.all_logs().splitlines())

    def writes(self):
        """Every request that stores something, with a key of its own each."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return [lambda: self.http.place(key=uuid.uuid4().hex),
                lambda: self.http.post("/new-update-and-broadcast", data={"message": "Soup"},
                                       headers=key)]

    def check_refused(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for answer in pool.map(lambda write: write(), self.writes()):
                check_problem(answer, 503)
                assert answer.headers["Retry-After"]

    def check_healed(self, ids=()):
        """Orders are taken again; those from before have been delivered once."""
        # Each API process finds out for itself, within a second.
        wait_until(lambda: all(self.http.place().status == 201 for _ in range(12)), "orders again")
        wait_until(self.http.answers, "a green /readyz")
        self.wait_delivered(ids)
        for id_ in ids:
            if self.redis.exists("order:{s00}:" + id_):
                assert self.store.history(id_) == GOOD_LIFE
                assert self.store.ledger(id_)["captures"] == "1"

    def wait_delivered(self, ids):
        """Each by a good life, as the stream of events tells it: it knows also of the orders that were
        let go because memory is short."""
        def lives():
            return [[(event["status"], event["payment_status"], event["kitchen_status"])
                     for event in self.store.events(id_)] for id_ in ids]
        wait_until(lambda: all(life == GOOD_LIFE for life in self.store.patiently(lives)), "deliveries")


@pytest.fixture(scope="module")
def the_shop():
    shop = Shop()
    try:
        yield shop
    finally:
        shop.stack.end()


@pytest.fixture
def shop(the_shop):
    wait_until(the_shop.http.answers, "a healthy stack")
    wait_until(lambda: the_shop.redis.scard(WORKERS) == 2, "both workers")
    pids, deaths = [the_shop.stack.pid(name) for name in ("worker", "worker-2")], the_shop.deaths()
    yield the_shop
    the_shop.store.patiently(the_shop.store.check_everything)
    assert the_shop.deaths() == deaths, "one who lived was taken for dead"
    assert [the_shop.stack.pid(name) for name in ("worker", "worker-2")] == pids


@contextlib.contextmanager
def memory_limit(shop, share):
    """maxmemory so that this share of it is used."""
    limit = shop.redis.config_get("maxmemory")["maxmemory"]
    used = shop.redis.info("memory")["used_memory"]
    shop.redis.config_set("maxmemory", int(used / share))
    try:
        yield
    finally:
        shop.redis.config_set("maxmemory", limit)


def test_full(shop):
    """Nothing new; but claims, heartbeats, payments, acknowledgements and cancels go on."""
    ids = shop.in_hand(shop.place())
    late = shop.place(1)
    with memory_limit(shop, 1.2):
        shop.check_refused()  # by Redis' own OOM, or already by the API
        cancelled = shop.http.post(f"/order/{late[0]}/cancel")
        assert cancelled.status in (200, 409), cancelled
        wait_until(lambda: shop.store.count("settled") == shop.store.count("placed"), "all settled")
        time.sleep(2 * TTL_S)
        shop.check_refused()
        assert shop.redis.scard(WORKERS) == 2
        wait_until(lambda: all(shop.redis.exists("worker:{s00}:" + worker)
                               for worker in shop.redis.smembers(WORKERS)), "their heartbeats")
    shop.check_healed(ids)


def test_nearly_full(shop):
    """Above 80 % the API refuses, although Redis would not."""
    ids = shop.place()
    with memory_limit(shop, 0.9):
        wait_until(lambda: all(shop.http.place().status == 503 for _ in range(12)), "refusals")
        shop.check_refused()
        shop.redis.set("catalogue:{s00}:probe", "x", px=1)  # no OOM
        assert shop.http.get("/restaurants/resto_123/menu").status == 200
    shop.check_healed(ids)


def test_read_only(shop):
    """As after a failover: a replica without a master."""
    ids = shop.in_hand(shop.place())
    before = shop.store.count("placed")
    shop.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        shop.check_refused()
        time.sleep(2.5 * TTL_S)  # every heartbeat has run out meanwhile
        shop.check_refused()
        assert shop.store.count("placed") == before
    finally:
        shop.redis.execute_command("REPLICAOF", "NO", "ONE")
    shop.check_healed(ids)


def load_long(shop, seconds):
    """Gives Redis' file commands that are short to write and long to execute again."""
    shop.redis.config_set("auto-aof-rewrite-percentage", 0)
    shop.redis.eval("for i = 1, 200000 do redis.call('SADD', 'catalogue:{s00}:a', i) end", 0)
    spent = 0
    while spent < seconds:
        began = time.monotonic()
        shop.redis.sunionstore("catalogue:{s00}:b", "catalogue:{s00}:a")
        spent += time.monotonic() - began
        time.sleep(0.02)  # others want to live meanwhile
    shop.redis.delete("catalogue:{s00}:a", "catalogue:{s00}:b")


def test_loading(shop):
    ids = shop.place(3)
    load_long(shop, LOADING_S)
    ids += shop.in_hand(shop.place())
    before = shop.store.count("placed")
    shop.stack.kill("redis")

    def is_loading():
        answer = shop.http.get("/readyz")
        return answer.status == 503 and "load" in answer.json["detail"].lower()
    wait_until(is_loading, "a /readyz that says why")
    shop.check_refused()
    shop.store.patiently(shop.redis.ping)
    wait_until(lambda: shop.store.patiently(lambda: shop.redis.info("persistence"))["loading"] == 0,
               "the end of loading")
    assert shop.store.patiently(lambda: shop.store.count("placed")) == before
    shop.check_healed(ids)
    shop.redis.bgrewriteaof()


PAUSE_S = 5  # much longer than the API waits


def pause_all(shop):
    shop.redis.execute_command("CLIENT", "PAUSE", int(PAUSE_S * 1000), "ALL")


def pause_writes(shop):
    shop.redis.execute_command("CLIENT", "PAUSE", int(PAUSE_S * 1000), "WRITE")


def stop(shop):
    """Here the calls lie in its socket, and are executed when it wakes: their sender has left."""
    pid = shop.stack.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(PAUSE_S, os.kill, (pid, signal.SIGCONT)).start()


@pytest.mark.parametrize("pause", [pause_all, pause_writes, stop])
def test_paused(shop, pause):
    """Calls that wait in Redis until their 503 has gone out store nothing when their time comes."""
    ids = shop.in_hand(shop.place())
    before, keys = shop.store.count("placed"), [uuid.uuid4().hex for _ in range(6)]
    pause(shop)
    with concurrent.futures.ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(lambda key: shop.http.place(key=key), keys))
    assert {answer.status for answer in answers} == {503}, answers
    # A write of our own waits with them: by now their time has come. (Whatever was asked for just
    # before the end of the pause may be stored and answered too late.)
    shop.redis.set("catalogue:{s00}:probe", "x", px=1)
    again = [wait_until(lambda: (a := shop.http.place(key=key)).status == 201 and a, "an order")
             for key in keys]
    assert len({answer.json["order_id"] for answer in again}) == len(keys)
    assert not any(answer.headers.get("Idempotency-Replayed") for answer in again), \
        "a late call stored its order"
    assert shop.store.count("placed") == before + len(keys)
    shop.check_healed([*ids, *(answer.json["order_id"] for answer in again)])


def test_stopped_longer_than_a_heartbeat(shop):
    """All heartbeats run out at once: everybody looks dead, and nobody is."""
    ids = shop.in_hand(shop.place())
    with shop.stack.frozen("redis"):
        time.sleep(3 * TTL_S)
    shop.check_healed(ids)
