"""Whole lives: an order from place to delivered, its weight, and what a crash of Redis leaves."""
import pytest

from functions_client import (COUNT, DELAYED, EVENTS, HOUR_MS, KEEP_SECONDS, STAGES, Functions,
                              Worker, active_key, changes_of, check_invariant, heartbeat_key, history, job_key,
                              new_id, snapshot)
from functions_server import Server

GOOD_LIFE = [
    ("order_placed", "pending", "pending"),
    ("order_placed", "paid", "pending"),
    ("order_placed", "paid", "acknowledged"),
    ("preparing_food", "paid", "acknowledged"),
    ("quality_check", "paid", "acknowledged"),
    ("out_for_delivery", "paid", "acknowledged"),
    ("delivered", "paid", "acknowledged"),
]


PAYMENT_KEY_BYTES = 39  # PAYMENT_KEY_SIZE of fcgi/order/store.h, less its end


def events_of(admin, id_):
    return [change for change in changes_of(admin) if change["order"] == id_]


def test_from_placed_to_delivered_in_one_hand(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    assert w.finish(id_, w.pay(id_)) == ["settled", 7]
    order = admin.hgetall(job_key(id_))
    assert history(order) == GOOD_LIFE
    assert order["step"] == "settled" and order["version"] == "7"
    assert 0 < admin.ttl(job_key(id_)) <= KEEP_SECONDS
    assert admin.hgetall(COUNT) == {"placed": "1", "settled": "1", "delivered": "1"}
    assert admin.llen(active_key("w1")) == 0


def test_history_and_events_are_the_same_and_complete(api, worker, admin):
    ids = [new_id() for _ in range(3)]
    for id_ in ids:
        api.place(id_)
    w = Worker(worker)
    w.take(3)
    for id_ in ids:
        w.finish(id_, w.charge(id_, w.begin(id_)))
    for id_ in ids:
        order, events = admin.hgetall(job_key(id_)), events_of(admin, id_)
        assert [int(e["version"]) for e in events] == list(range(1, 8))
        for e in events:
            assert order["v" + e["version"]] == " ".join(
                [e["status"], e["payment_status"], e["kitchen_status"], e["at"]])
        assert [e["at"] for e in events] == sorted(e["at"] for e in events)


def test_through_the_delayed_set_with_another_worker_each_time(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    step, visited = "payment", []
    for n in range(6):
        w = Worker(worker, f"w{n}")
        epoch = w.claim(id_)
        worker.intent(w.name, id_, epoch, "pay")
        reply = worker.step(w.name, id_, epoch, step, wait=HOUR_MS)
        check_invariant(admin)
        visited.append(step)
        if reply[0] == "settled":
            break
        step = reply[2]
        admin.zadd(DELAYED, {id_: 1}, xx=True)
    assert reply == ["settled", 7]
    assert visited == ["payment", "kitchen"] + list(STAGES)
    assert history(admin.hgetall(job_key(id_))) == GOOD_LIFE


@pytest.fixture
def longest(admin):
    """What place needs for the longest order that the loader's limits allow. -> its arguments"""
    restaurant, item, user = "r" * 32, "i" * 40, "u" * 32
    admin.hset("restaurant:{s00}:" + restaurant, mapping={
        "id": restaurant, "name": "n" * 40, "currency": "USD", "price:" + item: 1000000})
    admin.hset("user:{s00}:" + user, "id", user)
    yield {"restaurant": restaurant, "item": item, "quantity": 20, "user": user}
    admin.delete("restaurant:{s00}:" + restaurant, "user:{s00}:" + user)


def weight(admin, id_):
    """What an order takes; 88 bytes of that are the key and its place in the table."""
    assert admin.object("ENCODING", job_key(id_)) == "listpack"
    return admin.memory_usage(job_key(id_), samples=0)


def text_bytes(order):
    """What HGETALL shows of it."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in order.items())


def pay_with_the_longest_key(w, id_, epoch):
    key = "pay_".ljust(PAYMENT_KEY_BYTES, "k")
    assert w.do.intent(w.name, id_, epoch, key) == ["ok", key]
    return w.do.step(w.name, id_, epoch, "payment")


def test_a_whole_life_with_the_longest_names_is_a_listpack_of_1_kb(api, worker, admin, longest):
    id_ = new_id()
    api.place(id_, **longest)
    w = Worker(worker)
    assert w.finish(id_, pay_with_the_longest_key(w, id_, w.claim(id_))) == ["settled", 7]
    order = admin.hgetall(job_key(id_))
    assert len(order["restaurant"]) == len(order["item"]) == 40 and len(order["user_id"]) == 32
    assert text_bytes(order) < 1024
    assert weight(admin, id_) <= 1024 + 88


def test_a_detour_through_review_at_each_step_leaves_it_a_listpack(api, worker, admin, longest):
    id_ = new_id()
    api.place(id_, **longest)
    w, people = Worker(worker), Functions(admin)
    step = "payment"
    while step:
        worker.fail("w1", id_, w.claim(id_), allowed=1, reason="the gateway does not answer: " * 4)
        assert weight(admin, id_) < 3072
        assert people.requeue(id_) == ["requeued", step]
        epoch = w.claim(id_)
        if step == "payment":
            reply = pay_with_the_longest_key(w, id_, epoch)
        else:
            reply = worker.step("w1", id_, epoch, step)
        if reply[0] == "held":
            assert worker.leave("w1", [id_]) == ["left", 1, 0]
            worker.beat("w1")
        step = reply[2] if reply[0] == "held" else None
    order = admin.hgetall(job_key(id_))
    assert reply == ["settled", 7 + 2 * 6]
    assert [line for line in history(order) if line[0] != "needs_review"][-1] == GOOD_LIFE[-1]
    assert weight(admin, id_) < 2048


def test_one_detour_through_review_and_it_still_shows_under_1_kb(api, worker, admin, longest):
    id_ = new_id()
    api.place(id_, **longest)
    w = Worker(worker)
    worker.fail("w1", id_, w.claim(id_), allowed=1, reason="the gateway does not answer: timeout")
    Functions(admin).requeue(id_)
    assert w.finish(id_, pay_with_the_longest_key(w, id_, w.claim(id_))) == ["settled", 9]
    order = admin.hgetall(job_key(id_))
    assert text_bytes(order) < 1024
    assert weight(admin, id_) < 1280


def test_tries_a_crash_and_a_death_more_and_it_is_still_a_listpack(api, worker, admin, longest):
    id_ = new_id()
    api.place(id_, **longest)
    w = Worker(worker)
    reply = w.pay(id_)
    while reply[2] != "delivered":
        reply = worker.step("w1", id_, reply[3], reply[2])
    admin.delete(heartbeat_key("w1"))
    worker.reap("w1", [id_])
    worker.beat("w1")
    worker.fail("w1", id_, w.claim(id_), allowed=1, reason="the gateway does not answer: timeout")
    assert admin.hmget(job_key(id_), "status", "version") == ["needs_review", "7"]
    assert weight(admin, id_) < 1536


def test_an_ordinary_order_weighs_under_1_kb(api, worker, admin):
    ids = {}
    menus = {key.split(":")[-1]: [f[6:] for f in admin.hkeys(key) if f.startswith("price:")]
             for key in admin.scan_iter(match="restaurant:{s00}:*", count=1000)}
    for restaurant, items in menus.items():
        for item in items:
            ids[item] = new_id()
            assert api.place(ids[item], restaurant=restaurant, item=item, user="123")[0] == "placed"
    w = Worker(worker)
    w.take(1000)
    for id_ in ids.values():
        epoch = w.begin(id_)
        worker.intent("w1", id_, epoch, "pay_" + id_)
        assert w.finish(id_, worker.step("w1", id_, epoch, "payment")) == ["settled", 7]
    assert {item: weight(admin, id_) for item, id_ in ids.items()
            if weight(admin, id_) >= 1024} == {}


@pytest.fixture
def own_server(tmp_path):
    server = Server(tmp_path)
    server.start()
    server.load()
    yield server
    server.stop()


def test_kill_9_of_redis_keeps_everything(own_server):
    api, worker = Functions(own_server.client("api")), Functions(own_server.client("worker"))
    gateway = Functions(own_server.client("gateway"))
    ids = [new_id() for _ in range(6)]
    for id_ in ids:
        api.place(id_, user="123", key=id_, fingerprint="f")
    update = new_id("update")
    api.accept_update(update, delay=HOUR_MS)
    w = Worker(worker)
    w.take(4)
    w.charge(ids[0], w.begin(ids[0]), "declined", keep=86400)
    w.charge(ids[1], w.begin(ids[1]), wait=HOUR_MS)
    worker.fail("w1", ids[2], w.begin(ids[2]), allowed=1)
    epoch = w.begin(ids[3])
    worker.intent("w1", ids[3], epoch, "pay")
    gateway.charge("pay")

    before = snapshot(own_server.client("admin"))
    own_server.kill()
    own_server.start()
    admin = own_server.client("admin")
    assert snapshot(admin) == before
    check_invariant(admin)
    # and everybody goes on where they were, without loading anything
    assert worker.step("w1", ids[3], epoch, "payment")[:3] == ["held", 2, "kitchen"]
    assert api.place(new_id(), key=ids[0], fingerprint="f") == ["replay", ids[0]]


def test_half_a_command_at_the_end_of_the_file_is_cut_off(own_server):
    api = Functions(own_server.client("api"))
    kept = new_id()
    api.place(kept)
    before = snapshot(own_server.client("admin"))
    api.place(new_id())
    own_server.kill()
    log, = (own_server.folder / "redis" / "appendonlydir").glob("*.incr.aof")
    with open(log, "r+b") as file:
        file.truncate(log.stat().st_size - 10)
    own_server.start()
    assert snapshot(own_server.client("admin")) == before, "all of the torn order is gone"
    check_invariant(own_server.client("admin"))


def await_next_ms(client):
    """By Redis' clock: orders of one millisecond stand in the index by their ids."""
    def now_ms():
        seconds, us = client.time()
        return seconds * 1000 + us // 1000
    began = now_ms()
    while now_ms() == began:
        pass


def test_full_memory_refuses_orders_and_finishes_what_is_there(own_server):
    admin = own_server.client("admin")
    api, worker = Functions(own_server.client("api")), Functions(own_server.client("worker"))
    w = Worker(worker)
    id_, doomed, cancelled = new_id(), new_id(), new_id()
    for order in (id_, doomed, cancelled):
        api.place(order)
        await_next_ms(admin)
    admin.config_set("maxmemory", 1)
    before = snapshot(admin)
    with pytest.raises(Exception, match="OOM|maxmemory"):
        api.place(new_id())
    assert snapshot(admin) == before
    worker.beat("w1")
    assert api.cancel(cancelled) == ["cancelled"]
    assert w.take(3) == [id_, doomed, cancelled]
    assert worker.fail("w1", doomed, w.begin(doomed), allowed=1) == ["dead", 1]
    epoch = w.begin(id_)
    assert worker.intent("w1", id_, epoch, "pay") == ["ok", "pay"]
    assert w.finish(id_, worker.step("w1", id_, epoch, "payment")) == ["settled", 7]
    admin.delete(heartbeat_key("w1"))
    assert worker.reap("w1", [cancelled]) == ["reaped", 1, 0]
    people = Functions(admin)
    assert people.requeue(doomed) == ["requeued", "payment"]
    w = Worker(worker, "w2")
    worker.fail("w2", doomed, w.claim(doomed), allowed=1)
    assert people.discard(doomed) == ["discarded", "payment"]
    assert people.pause() == ["paused"] and people.resume() == ["resumed"]
    assert api.stats(["w2"])[0] == "stats"
    assert worker.trim([id_]) == ["trimmed", 0]
    assert worker.oldest("w2", n=1) == ["oldest", id_]
    assert worker.release([id_]) == ["released", 0, "pay"]
    Functions(own_server.client("gateway")).gateway_forget(["pay"])
    assert worker.forget([id_]) == ["forgotten", 1]
    check_invariant(admin)
