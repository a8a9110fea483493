"""tiffin-ctl and what waits for people: many dead jobs woken at once, and orders whose money no program
can settle."""
import contextlib

import pytest

from tiffin_ctl import (DEAD, DELAYED, FAILED, NOBODY, OK, READY, USAGE, bury, ctl, dead_order, order_key,  # noqa: F401
                        paused, place, settled_order, world)
from tiffin_stack import eventually

OLD = "2020-01-01T00:00:00.000Z"


def ledger_key(world, id_):
    return "gateway:{s00}:" + world.store.order(id_)["payment_key"]


@contextlib.contextmanager
def dead_and_paid(world):
    """An order that is paid, and dead before its first stage."""
    r = world.store.redis
    with world.stack.only_worker(STAGE_MIN_MS=60000, STAGE_MAX_MS=60000):
        id_ = place(world)
        eventually(lambda: r.zscore(DELAYED, id_), "it waits for its stage")
        with paused(world):
            r.zrem(DELAYED, id_)
            r.rpush(READY, id_)
            bury(world, [id_])
    yield id_


def dead_unknown(world):
    """An order that is dead with an unknown charge, placed years ago."""
    with paused(world):
        id_ = place(world)
        world.store.redis.hset(order_key(id_), mapping={"payment_key": "pay_of_" + id_[-10:]})
        bury(world, [id_])
    world.store.redis.hset(order_key(id_), "created_at", OLD)
    return id_


# ---- all at once ------------------------------------------------------------------------------------


def test_requeue_all_of_one_reason(ctl, world):
    r = world.store.redis
    with paused(world):
        ids = [place(world) for _ in range(120)]
        bury(world, ids[:110], "payment gateway: Connection refused")
        bury(world, ids[110:], "its workers keep dying")
        answer = ctl.json("requeue", "--all", "--reason", "gateway: Conn")
        assert (answer["requeued"], answer["left"]) == (110, 0)
        assert {row["id"] for row in answer["jobs"]} == set(ids[:110])
        assert set(answer["jobs"][0]) == {"id", "requeued", "step", "why"}
        assert answer["jobs"][0]["step"] == "payment"
        assert set(r.zrange(DEAD, 0, -1)) == set(ids[110:])
        assert ctl.json("requeue", "--all", "--reason=no such") \
            == {"requeued": 0, "left": 0, "jobs": []}
        text = ctl.ok("requeue", "--all")
        assert text.endswith("10 requeued, 0 left dead.\n") and ids[-1] in text
    orders = world.store.wait_settled(ids)
    assert {order["status"] for order in orders.values()} == {"delivered"}
    assert ctl.ok("requeue", "--all") == "0 requeued, 0 left dead.\n"


def test_requeue_all_leaves_what_people_must_settle_and_goes_on(ctl, world):
    old = dead_unknown(world)
    broken = dead_order(world)
    ids = [dead_order(world) for _ in range(2)]
    r = world.store.redis
    resume = r.hget(order_key(broken), "resume_status")
    r.hdel(order_key(broken), "resume_status")
    answer = ctl.json("requeue", "--all", code=FAILED)
    assert (answer["requeued"], answer["left"]) == (2, 2)
    why = {row["id"]: row["why"] for row in answer["jobs"]}
    assert "settle" in why[old] and "no status" in why[broken]
    assert [why[id_] for id_ in ids] == [None, None]
    world.store.wait_settled(ids)
    r.hset(order_key(broken), "resume_status", resume)
    ctl.ok("requeue", broken)
    ctl.ok("settle", old, "--not-charged")
    r.hdel(order_key(old), "payment_key")  # the suite's own check takes nobody's word
    world.store.wait_settled([broken])


@pytest.mark.parametrize("args", [
    ["requeue", NOBODY, "--all"], ["requeue", "--reason", "x"], ["requeue", "--all", "--reason", ""],
    ["discard", "--all"], ["discard", "--all", NOBODY], ["settle", NOBODY],
    ["settle", "--refunded"], ["settle", NOBODY, "--refunded", "--not-charged"],
    ["status", "--refunded"],
])
def test_wrong_usage(ctl, args):
    ctl.fails(*args, code=USAGE)


# ---- money that only people can settle ---------------------------------------------------------------


def test_a_refund_is_never_inferred(ctl, world):
    """Paid, we were told; the gateway knows of nothing. At once to people, with the reason; asking
    again changes nothing; a person's word ends it."""
    with dead_and_paid(world) as id_:
        entry = world.store.redis.hgetall(ledger_key(world, id_))
        world.store.redis.delete(ledger_key(world, id_))
        ctl.ok("discard", id_)
        for _ in range(2):
            world.store.wait_field(id_, "dead_reason")
            order = world.http.order(id_)
            assert (order["status"], order["payment_status"]) == ("needs_review", "paid")
            assert "knows of nothing to refund" in ctl.json("order", id_)["job"]["reason"]
            assert ctl.json("requeue", id_)["step"] == "refund"
        world.store.wait_field(id_, "dead_reason")
        assert ctl.ok("settle", id_, "--refunded") == f"{id_}: settled\n"
        order = world.http.order(id_)
        assert (order["status"], order["payment_status"]) == ("cancelled", "refunded")
        assert ctl.json("fsck")["clean"]
        assert "By hand" in ctl.ok("order", id_)
        assert "it is over" in ctl.fails("settle", id_, "--refunded")
        world.store.redis.hset(ledger_key(world, id_), mapping={**entry, "refunds": "1"})


def test_past_what_the_gateway_remembers_a_person_decides(ctl, world):
    id_ = dead_unknown(world)
    for command in ("requeue", "discard"):
        assert "settle" in ctl.fails(command, id_)
    assert world.store.ledger(id_) == {}, "nobody was asked"
    assert ctl.json("settle", id_, "--not-charged") == {"id": id_, "settled": True, "step": None}
    assert world.http.order(id_)["payment_status"] == "not_charged"
    assert ctl.json("fsck")["clean"]
    world.store.redis.hdel(order_key(id_), "payment_key")


def test_a_job_that_grew_too_old_in_the_queue_goes_to_people(ctl, world):
    with paused(world):
        id_ = place(world)
        world.store.redis.hset(order_key(id_), mapping={"payment_key": "pay_of_" + id_[-10:],
                                                        "created_at": OLD})
    assert "older than the gateway" in world.store.wait_field(id_, "dead_reason")
    assert world.store.ledger(id_) == {}
    ctl.ok("settle", id_, "--not-charged")
    world.store.redis.hdel(order_key(id_), "payment_key")


def test_settle_refuses(ctl, world):
    id_ = dead_order(world)
    assert "cannot have become refunded" in ctl.fails("settle", id_, "--refunded")
    assert "there is no order" in ctl.fails("settle", NOBODY, "--refunded")
    ctl.ok("requeue", id_)
    world.store.wait_settled([id_])


# ---- one truth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 3650])
def test_fsck_believes_the_workers_not_its_environment(ctl, world, days):
    """How long orders are kept: an order expires after 40 days, its ledger entry does not."""
    r = world.store.redis
    gone, kept = (settled_order(world) for _ in range(2))
    key = ledger_key(world, gone)

    def fsck(*args, code=OK):
        done = ctl.run("fsck", "--json", *args, RETENTION_DAYS=days)
        assert done.returncode == code, done
    r.rename(order_key(gone), "hidden")
    r.zrem("orders:{s00}:index", gone)
    r.expire(key, 50 * 86400)
    fsck()
    r.expire(key, 75 * 86400)
    fsck(code=3)  # of 15 days ago: its order is lost
    r.rename("hidden", order_key(gone))
    r.zadd("orders:{s00}:index", {gone: 1})
    r.persist(order_key(kept))
    fsck("--repair")
    assert 29 * 86400 < r.ttl(order_key(kept)) <= 30 * 86400
