"""tiffin-ctl fsck: clean on a healthy system at work, and each kind of damage found, then repaired or told."""
import concurrent.futures
import contextlib
import re
import signal
import time

import pytest

from tiffin_ctl import (DEAD, INDEX, KEY, NOBODY, VIOLATIONS, ctl, dead_order, order_key, paused,  # noqa: F401
                        place, settled_order, world)
from tiffin_stack import DEADLINE_S, eventually
from tiffin_store import COUNT, DELAYED, EVENTS, READY


# ---- fsck on a healthy system -------------------------------------------------------------------------


def test_clean(ctl, world):
    ids = [settled_order(world, key=KEY + "clean", user_id="124"), dead_order(world)]
    found = ctl.json("fsck")
    assert found["clean"] is True and found["findings"] == [] and found["left"] == 0
    n = len(list(world.store.redis.scan_iter(match="order:{s00}:*", count=1000)))
    assert found["checked"]["orders"] == found["checked"]["index_entries"] == n
    assert found["checked"]["unsettled"] == found["checked"]["jobs"]["dead"] == 1
    assert found["checked"]["idempotency_keys"] >= 1 and found["checked"]["user_lists"] >= 1
    assert re.search(r"^Result +clean$", ctl.ok("fsck"), re.M)
    assert ctl.json("fsck", "--repair")["clean"] is True
    ctl.ok("discard", ids[1])
    world.store.wait_settled(ids)


# ---- fsck: damage that it repairs -----------------------------------------------------------------------


def repairs(ctl, check, id_=None):
    """The damage is found as this, told to people, then repaired, and gone."""
    found = ctl.findings()
    match = [f for f in found if f["check"] == check and (id_ is None or f["id"] == id_)]
    assert match and all(f["repair"] and f["result"] == "found" for f in match), found
    text = ctl.run("fsck")
    assert text.returncode == VIOLATIONS and match[0]["problem"] in text.stdout
    done = ctl.json("fsck", "--repair")
    assert done["clean"] is True and {f["result"] for f in done["findings"]} == {"repaired"}, done
    assert ctl.json("fsck")["clean"] is True
    return match[0]


def test_a_lost_job(ctl, world):
    with paused(world):
        id_ = place(world)
        world.store.redis.lrem(READY, 0, id_)
        found = ctl.findings()
        assert {f["check"] for f in found} == {"place", "counters"}
        assert "lost" in repairs(ctl, "place", id_)["problem"]
        assert world.store.redis.lrange(READY, 0, -1) == [id_]
    assert world.store.wait_settled([id_])[id_]["status"] == "delivered"


@pytest.mark.parametrize("more", ["ready", "delayed", "dead"])
def test_a_doubled_job(ctl, world, more):
    with paused(world):
        id_ = place(world)
        if more == "ready":
            world.store.redis.lpush(READY, id_)
        else:
            world.store.redis.zadd(DEAD if more == "dead" else DELAYED, {id_: 4e12})
        assert more in repairs(ctl, "place", id_)["problem"]
        assert ctl.json("order", id_)["job"]["place"] in ("ready", "delayed")
        world.store.redis.zadd(DELAYED, {id_: 1}, xx=True)
    world.store.wait_settled([id_])


@pytest.mark.parametrize("id_", [NOBODY, NOBODY.replace("order", "update"), "garbage"])
def test_a_job_that_never_was(ctl, world, id_):
    with paused(world):
        world.store.redis.lpush(READY, id_)
        assert "there is no such" in repairs(ctl, "place", id_)["problem"]


def test_a_settled_job_in_the_queue(ctl, world):
    id_ = settled_order(world)
    world.store.redis.zadd(DELAYED, {id_: 4e12})
    assert "settled" in repairs(ctl, "place", id_)["problem"]


def test_dead_is_needs_review(ctl, world):
    id_ = dead_order(world)
    with paused(world):
        world.store.redis.zrem(DEAD, id_)
        world.store.redis.lpush(READY, id_)
        repairs(ctl, "dead", id_)
        assert [job["id"] for job in ctl.json("jobs", "dead")["jobs"]] == [id_]
        other = place(world)
        world.store.redis.lrem(READY, 0, other)
        world.store.redis.zadd(DEAD, {other: 1})
        repairs(ctl, "dead", other)
    ctl.ok("requeue", id_)
    world.store.wait_settled([id_, other])


def test_the_list_of_nobody(ctl, world):
    with paused(world):
        id_ = place(world)
        world.store.redis.lmove(READY, "jobs:{s00}:active:nobody", "RIGHT", "LEFT")
        found = ctl.findings()
        assert {f["check"] for f in found} == {"active_list", "counters"}, found
        repairs(ctl, "active_list", id_)
    world.store.wait_settled([id_])


def test_a_living_workers_job_is_left_to_it(ctl, world):
    with world.stack.only_worker(PAYMENT_MS=5000, WORKER_TTL_MS=120000) as worker:
        id_ = place(world)
        world.store.wait_field(id_, "payment_key")
        worker.send_signal(signal.SIGSTOP)  # it lives, and takes its time
        world.store.redis.zadd(DEAD, {id_: 1})
        repairs(ctl, "place", id_)
        assert ctl.json("order", id_)["job"]["place"] == "active"
        worker.send_signal(signal.SIGCONT)
        order = world.store.wait_settled([id_])[id_]
        assert order["status"] == "delivered" and world.store.ledger(id_)["requests"] == "1"


def test_expiry(ctl, world):
    id_ = settled_order(world)
    world.store.redis.persist(order_key(id_))
    repairs(ctl, "expiry", id_)
    assert world.store.redis.ttl(order_key(id_)) > 29 * 86400
    with paused(world):
        id_ = place(world)
        world.store.redis.expire(order_key(id_), 1000)
        repairs(ctl, "expiry", id_)
        assert world.store.redis.ttl(order_key(id_)) == -1
    world.store.wait_settled([id_])


def test_index(ctl, world):
    id_ = settled_order(world)
    score = world.store.redis.zscore(INDEX, id_)
    world.store.redis.zrem(INDEX, id_)
    repairs(ctl, "index", id_)
    assert world.store.redis.zscore(INDEX, id_) == score
    now = time.time() * 1000
    world.store.redis.zadd(INDEX, {NOBODY: now})
    repairs(ctl, "index", NOBODY)
    long_ago = now - 30.5 * 86400 * 1000  # has just expired: the worker will see to it
    world.store.redis.zadd(INDEX, {NOBODY: long_ago})
    assert ctl.json("fsck")["expired"]["index_entries"] in (0, 1)
    world.store.redis.zrem(INDEX, NOBODY)


@pytest.mark.parametrize("field, by", [("placed", 2), ("placed", -1), ("settled", 1),
                                       ("updates_accepted", 3)])
def test_counters(ctl, world, field, by):
    settled_order(world)
    world.store.redis.hincrby(COUNT, field, by)
    repairs(ctl, "counters")
    world.store.check_everything()


# ---- fsck: damage that is left to people ------------------------------------------------------------------


@contextlib.contextmanager
def reported(ctl, check, id_=None):
    """Found, not repaired, the store unchanged by --repair; the caller's block does the damage."""
    yield
    for args in ([], ["--repair"]):
        found = ctl.json("fsck", *args, code=VIOLATIONS)["findings"]
        match = [f for f in found if f["check"] == check and (id_ is None or f["id"] == id_)]
        assert match and match[0]["repair"] is None and match[0]["result"] == "found", found


@pytest.mark.parametrize("field, value, check", [
    ("v2", None, "history"), ("v3", "order_placed paid gone 2026-11-22T11:00:58.123Z", "history"),
    ("v9", "order_placed paid pending 2026-11-22T11:00:58.123Z", "history"),
    ("version", "6", "history"), ("status", "out_for_delivery", "history"),
    ("step", "kitchen", "step"), ("id", NOBODY, "id"), ("amount_cents", "1", "ledger"),
    ("payment_key", None, "ledger"), ("payment_key", "pay_other", "ledger"),
])
def test_an_order_that_was_altered(ctl, world, field, value, check):
    id_ = settled_order(world)
    before = world.store.redis.hgetall(order_key(id_))
    with reported(ctl, check, id_):
        if value is None:
            world.store.redis.hdel(order_key(id_), field)
        else:
            world.store.redis.hset(order_key(id_), field, value)
    world.store.redis.hdel(order_key(id_), "v9")
    world.store.redis.hset(order_key(id_), mapping=before)
    assert world.store.redis.hgetall(order_key(id_)) == before  # no worker has touched it
    assert ctl.json("fsck")["clean"] is True


@pytest.mark.parametrize("damage", [{"captures": 2}, {"refunds": 1}, {"captures": 0},
                                    {"currency": "EUR"}, {"refunds": 2}])
def test_ledger(ctl, world, damage):
    id_ = settled_order(world)
    entry = "gateway:{s00}:" + world.store.order(id_)["payment_key"]
    before = world.store.redis.hgetall(entry)
    with reported(ctl, "ledger", id_):
        world.store.redis.hset(entry, mapping=damage)
    world.store.redis.hdel(entry, "refunds")
    world.store.redis.hset(entry, mapping=before)


def test_money_of_nobody(ctl, world):
    entry = "gateway:{s00}:pay_of_nobody"
    world.store.redis.hset(entry, mapping={"captures": 1, "requests": 1, "result": "captured"})
    with reported(ctl, "ledger", "pay_of_nobody"):
        world.store.redis.expire(entry, 90 * 86400)
    # A month after its last use the order may have expired.
    world.store.redis.expire(entry, 59 * 86400)
    assert ctl.json("fsck")["expired"]["ledger_entries"] == 1
    world.store.redis.delete(entry)


def test_two_orders_with_one_payment_key(ctl, world):
    one, two = settled_order(world), settled_order(world)
    mine, theirs = (world.store.order(id_)["payment_key"] for id_ in (one, two))
    with reported(ctl, "ledger", max(one, two)):
        world.store.redis.hset(order_key(one), "payment_key", theirs)
    world.store.redis.hset(order_key(one), "payment_key", mine)


def test_idempotency_and_user_lists(ctl, world):
    r = world.store.redis
    idem, user = "idem:{s00}:" + KEY + "lost", "user:{s00}:126:orders"
    r.set(idem, "fingerprint " + NOBODY, ex=1000)
    with reported(ctl, "idempotency", NOBODY):
        pass
    r.set(idem, "nonsense")
    with reported(ctl, "idempotency", idem):
        pass
    r.delete(idem)
    id_ = settled_order(world, user_id="123")
    r.rpush(user, id_)
    with reported(ctl, "user_orders", user):
        pass
    r.delete(user)
    r.rpush(user, NOBODY)  # expired: counted, not wrong
    assert ctl.json("fsck")["expired"]["user_list_entries"] == 1
    r.delete(user)


def test_counters_that_only_people_can_mend(ctl, world):
    settled_order(world)
    for fields in (["placed", "settled", "delivered"], ["delivered"]):
        for field in fields:
            world.store.redis.hincrby(COUNT, field, -world.store.count("delivered"))
        found = ctl.json("fsck", "--repair", code=VIOLATIONS)["findings"]
        assert {f["check"] for f in found} == {"counters"}
        assert {f["result"] for f in found} <= {"found", "not_repaired"}, found
        orders = [world.store.redis.hgetall(key) for key in
                  world.store.redis.scan_iter(match="order:{s00}:*", count=1000)]
        world.store.redis.hset(COUNT, mapping={
            "placed": len(orders), "settled": len(orders),
            "delivered": sum(order["status"] == "delivered" for order in orders)})


def test_an_unsettled_order_that_vanished(ctl, world):
    """It cannot have expired: told, even where the queue is put right."""
    with paused(world):
        id_ = place(world)
        world.store.redis.delete(order_key(id_))
        found = ctl.json("fsck", "--repair", code=VIOLATIONS)
        assert {f["check"] for f in found["findings"]} == {"place", "index", "counters"}
        [lost] = [f for f in found["findings"] if f["result"] != "repaired"]
        assert lost["problem"] == "placed - settled says 1 unsettled orders, 0 were found"
        assert ctl.json("fsck")["clean"] is True
    [entry] = [entry for entry, fields in world.store.redis.xrange(EVENTS)
               if fields.get("changes", "").startswith(id_)]
    world.store.redis.xdel(EVENTS, entry)


def test_keys_of_another_type(ctl, world):
    world.store.redis.set("gateway:{s00}:pay_text", "1")
    world.store.redis.set(order_key(NOBODY), "text")
    found = ctl.findings()
    assert {"type"} <= {f["check"] for f in found}
    assert {NOBODY, "gateway:{s00}:pay_text"} <= {f["id"] for f in found}
    world.store.redis.delete("gateway:{s00}:pay_text", order_key(NOBODY))


def test_functions_of_another_version(ctl, world):
    r = world.store.redis
    [library] = r.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "tiffin", "WITHCODE")
    code = dict(zip(library[::2], library[1::2]))["library_code"]
    other = re.sub(r"local VERSION = '\w+'", "local VERSION = 'other'", code)
    try:
        r.execute_command("FUNCTION", "LOAD", "REPLACE", other)
        assert "library" in {f["check"] for f in ctl.findings()}
        assert "run tiffin-load" in ctl.ok("status")
    finally:
        r.execute_command("FUNCTION", "LOAD", "REPLACE", code)


def test_ctl_answers_while_redis_is_full(ctl, world):
    id_ = dead_order(world)
    world.store.redis.config_set("maxmemory", 1)
    try:
        ctl.ok("requeue", id_)
        ctl.ok("status")
        ctl.ok("pause")
        ctl.ok("resume")
    finally:
        world.store.redis.config_set("maxmemory", 512 * 1024 * 1024)
    world.store.wait_settled([id_])
    # Each API process finds out for itself, within a second.
    eventually(lambda: all(world.http.place().status == 201 for _ in range(12)), "orders again")
    eventually(lambda: ctl.json("status")["orders"]["active"] == 0, "their deliveries")


# ---- at the end, for it leaves many orders: a system at work --------------------------------------------


def test_clean_under_load(ctl, world):
    """Orders move on at any moment of the walk: none of that may look like damage, and --repair
    must not touch what a worker holds."""
    ids, is_over = [], False

    def load(n):
        while not is_over:
            time.sleep(0.02)
            answer = world.http.place(**({"user_id": "125"} if n % 2 else {}))
            assert answer.status == 201, answer
            ids.append(answer.json["order_id"])
            if len(ids) % 7 == 0:
                world.http.post(f"/order/{ids[-1]}/cancel")
            if len(ids) % 11 == 0:
                world.http.post("/new-update-and-broadcast", data={"message": "Load"})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, n) for n in range(4)]
        rechecked = 0
        try:
            # On a fast machine most walks meet no order in the middle of a step: until some did.
            deadline, i = time.monotonic() + DEADLINE_S, 0
            while i < 12 or (rechecked == 0 and time.monotonic() < deadline):
                if i == 4:
                    world.stack.kill("worker")
                rechecked += ctl.json("fsck", *(["--repair"] if i % 3 == 2 else []))[
                    "checked"]["rechecked"]
                i += 1
        finally:
            is_over = True
        for each in loads:
            each.result()
    assert rechecked > 0, (len(ids), i)
    world.store.wait_settled(ids)
    eventually(lambda: ctl.json("status")["updates"]["pending"] == 0, "the broadcasts")
    assert ctl.json("fsck")["clean"] is True
