"""tiffin-ctl on a running stack: each command for people and for programs, and exit codes."""
import re
import time

import pytest

from tiffin_ctl import (FAILED, NOBODY, USAGE, bury, ctl, dead_order, paused, place, settled_order,  # noqa: F401
                        world)
from tiffin_stack import DEADLINE_S, eventually
from tiffin_store import COUNT, DELAYED, READY


# ---- usage ----------------------------------------------------------------------------------------


def test_help_and_version(ctl):
    text = ctl.ok("--help")
    for command in ("status", "order", "jobs", "requeue", "discard", "settle", "pause", "resume",
                    "fsck"):
        assert re.search(rf"^  {command} ", text, re.M)
        assert ctl.ok(command, "--help").startswith("tiffin-ctl " + command)
    assert "order ids whole" in text
    assert re.fullmatch(r"tiffin-ctl \d+\.\d+\.\d+\n", ctl.ok("--version"))


@pytest.mark.parametrize("args", [
    [], ["dance"], ["status", "more"], ["order"], ["jobs"], ["jobs", "lost"], ["--colour"],
    ["jobs", "ready", "--limit", "0"], ["jobs", "ready", "--limit"], ["status", "--limit", "5"],
    ["status", "--repair"], ["jobs", "ready", "--limit=many"], ["requeue"],
])
def test_wrong_usage(ctl, args):
    ctl.fails(*args, code=USAGE)


def test_redis_away(ctl):
    done = ctl.run("status", REDIS="/nowhere/redis.sock")
    assert done.returncode == FAILED and "no Redis at /nowhere/redis.sock" in done.stderr
    done = ctl.run("status", SECRETS_DIR="/nowhere")
    assert done.returncode == FAILED and "/nowhere/admin" in done.stderr
    done = ctl.run("status", DB_MS="soon")
    assert done.returncode == FAILED and "TIFFIN_DB_MS" in done.stderr


@pytest.mark.parametrize("command", ["order", "requeue", "discard"])
def test_unknown_ids(ctl, command):
    assert "there is no order " + NOBODY in ctl.fails(command, NOBODY)
    assert "there is no update" in ctl.fails(command, NOBODY.replace("order", "update"))
    assert "not the id" in ctl.fails(command, "order_1")


# ---- looking ----------------------------------------------------------------------------------------


def test_status(ctl, world):
    settled_order(world)
    with paused(world):
        waiting = place(world)

        def settled_down():  # on a machine that stands still for a second a heartbeat runs out
            found = ctl.json("status")
            return [worker["alive"] for worker in found["workers"]] == [True] and \
                found["oldest"]["ready_age_ms"] > 0 and found
        found = eventually(settled_down, "one worker, alive, and an order that waits")
        assert found["paused"] is True and found["paused_at"].endswith("Z")
        assert found["jobs"]["ready"] == 1 and found["orders"]["active"] == 1
        assert found["orders"]["delivered"] >= 1
        assert found["orders"]["placed"] == found["orders"]["settled"] + 1
        assert found["oldest"]["ready_age_ms"] <= DEADLINE_S * 1000
        assert found["oldest"]["ready_at"] == world.store.order(waiting)["created_at"]
        assert found["invariant"] == {"holds": True, "violations": 0, "expected": 1, "found": 1}
        assert found["library"]["fits"] is True
        [worker] = found["workers"]
        assert worker["jobs"] == 0
        assert 0 <= worker["heartbeat_age_ms"] <= world.stack.settings["WORKER_TTL_MS"]
        text = eventually(lambda: (text := ctl.ok("status")) and
                          re.search(rf"^{worker['id']} +yes ", text, re.M) and text, "it is alive")
        assert re.search(r"^Paused +yes, since ", text, re.M)
        assert re.search(r"^Invariant +holds: 1 expected in the queue, 1 found$", text, re.M)
        assert "\033" not in text
    world.store.wait_settled([waiting])
    assert ctl.json("status")["paused"] is False


def test_status_without_workers(ctl, world):
    with world.stack.without("worker"):
        eventually(lambda: not ctl.json("status")["workers"], "no worker")
        assert "No worker is registered." in ctl.ok("status")


def test_order(ctl, world):
    id_ = settled_order(world, user_id="123", quantity=2)
    found, order = ctl.json("order", id_), world.store.order(id_)
    assert found["id"] == id_ and found["status"] == "delivered" and found["user_id"] == "123"
    assert found["quantity"] == 2 and found["amount_cents"] == int(order["amount_cents"])
    assert [line["version"] for line in found["history"]] == list(range(1, 8))
    assert tuple(found["history"][-1][name] for name in
                 ("status", "payment_status", "kitchen_status")) == world.store.history(id_)[-1]
    assert found["job"]["place"] == "nowhere" and found["job"]["step"] == "settled"
    assert found["job"]["epoch"] == int(order["epoch"])
    payment = found["payment"]
    assert payment["key"] == order["payment_key"] and payment["result"] == "captured"
    assert (payment["requests"], payment["captures"], payment["refunds"]) == (1, 1, 0)
    assert found["expires_at"] > found["history"][-1]["at"]
    text = ctl.ok("order", id_)
    assert id_ in text and "2 x Curry of The Spicy Spoon (resto_123), " in text
    assert re.search(r"^ +7  delivered +paid +acknowledged +20\S+Z \(\S.* ago\)$|"
                     r"^ +7  delivered +paid +acknowledged +20\S+Z \(now\)$", text, re.M)
    assert re.search(r"^Expires +20\S+Z \(in 29 days\)$", text, re.M)


def test_order_that_waits(ctl, world):
    with paused(world):
        id_ = place(world)
        found = ctl.json("order", id_)
        assert found["job"]["place"] == "ready" and found["job"]["step"] == "payment"
        assert found["payment"] is None and found["expires_at"] is None
        assert re.search(r"^Payment +none was started$", ctl.ok("order", id_), re.M)
    world.store.wait_settled([id_])


def test_update(ctl, world):
    with paused(world):
        answer = world.http.post("/new-update-and-broadcast", data={"message": "Käse \u2603 今日"})
        id_ = answer.json["update_id"]
        found = ctl.json("order", id_)
        assert found["message"] == "Käse \u2603 今日" and found["job"]["place"] == "delayed"
        assert "Käse \u2603 今日" in ctl.ok("order", id_)
        assert ctl.json("jobs", "delayed")["jobs"][0]["step"] == "broadcast"
    eventually(lambda: ctl.json("status")["updates"]["pending"] == 0, "the broadcast")


def test_jobs(ctl, world):
    with paused(world):
        ids = [place(world) for _ in range(3)]
        found = ctl.json("jobs", "ready")
        assert (found["place"], found["total"], found["shown"]) == ("ready", 3, 3)
        assert [job["id"] for job in found["jobs"]] == ids  # the next one first
        assert found["jobs"][0]["step"] == "payment" and found["jobs"][0]["tries"] == 0
        assert [job["id"] for job in ctl.json("jobs", "ready", "--limit", "2")["jobs"]] == ids[:2]
        text = ctl.ok("jobs", "ready", "--limit=1")
        assert text.splitlines()[0].split() == ["ID", "STEP", "TRIES", "CRASHES", "PLACED"]
        assert ids[0] in text and ids[1] not in text and "1 of 3" in text
        for empty in ("active", "delayed", "dead"):
            assert ctl.json("jobs", empty) == {"place": empty, "total": 0, "shown": 0, "jobs": []}
            assert ctl.ok("jobs", empty) == f"No jobs are {empty}.\n"
    world.store.wait_settled(ids)


def test_jobs_active_and_delayed(ctl, world):
    with world.stack.without("worker"):
        id_ = place(world)
        with world.stack.own_worker(PAYMENT_MS=60000, DRAIN_MS=0):
            world.store.wait_field(id_, "payment_key")
            [job] = ctl.json("jobs", "active")["jobs"]
            assert job["id"] == id_ and job["worker"] == ctl.json("status")["workers"][0]["id"]
            assert job["worker"] in ctl.ok("jobs", "active")
        with world.stack.own_worker(STAGE_MIN_MS=90000, STAGE_MAX_MS=90000):
            world.store.wait_field(id_, "kitchen_status", "acknowledged")
            [job] = ctl.json("jobs", "delayed")["jobs"]
            assert job["step"] == "preparing_food" and job["due_at"] > job["created_at"]
            assert re.search(r" in \d\d s$", ctl.ok("jobs", "delayed"), re.M)
        world.store.redis.zadd(DELAYED, {id_: 1}, xx=True)
    world.store.wait_settled([id_])


# ---- hands ------------------------------------------------------------------------------------------


def test_pause_keeps_orders(ctl, world):
    assert "Paused" in ctl.ok("pause")
    assert ctl.json("pause")["paused"] is True  # again: the same
    id_ = place(world)
    time.sleep(1.5)  # longer than a worker rests between two looks
    assert world.store.order(id_)["version"] == "1"
    assert ctl.json("resume") == {"paused": False, "paused_at": None}
    assert "Resumed" in ctl.ok("resume")
    world.store.wait_settled([id_])


def test_requeue(ctl, world):
    id_ = dead_order(world)
    [job] = ctl.json("jobs", "dead")["jobs"]
    assert job["id"] == id_ and job["reason"] == "the oven is cold" and job["tries"] == 1
    assert job["status"] == "needs_review"
    assert "the oven is cold" in ctl.ok("jobs", "dead")
    found = ctl.json("order", id_)["job"]
    assert found["place"] == "dead" and found["resume_status"] == "order_placed"
    assert "the oven is cold; requeue goes back to order_placed" in ctl.ok("order", id_)
    assert ctl.json("requeue", id_) == {"id": id_, "requeued": True, "step": "payment"}
    assert world.store.wait_settled([id_])[id_]["status"] == "delivered"
    assert "it is over" in ctl.fails("requeue", id_)


def test_discard(ctl, world):
    id_ = dead_order(world)
    assert ctl.ok("discard", id_) == f"{id_}: discarded; the next step is payment\n"
    order = world.store.wait_settled([id_])[id_]
    assert (order["status"], order["payment_status"]) == ("cancelled", "not_charged")
    assert "it is over" in ctl.fails("discard", id_)


def test_discard_an_update(ctl, world):
    with paused(world):
        id_ = world.http.post("/new-update-and-broadcast", data={"message": "x"}).json["update_id"]
        world.store.redis.zrem(DELAYED, id_)
        world.store.redis.lpush(READY, id_)
        bury(world, [id_])
    assert id_ in ctl.ok("jobs", "dead")
    assert ctl.json("discard", id_) == {"id": id_, "discarded": True, "step": None}
    assert "there is no update" in ctl.fails("order", id_)
    assert ctl.json("fsck")["clean"] is True
    # The suite's own check does not know of discarded updates.
    world.store.redis.hincrby(COUNT, "updates_accepted", -1)
    world.store.redis.hincrby(COUNT, "updates_discarded", -1)


def test_only_the_dead(ctl, world):
    with paused(world):
        id_ = place(world)
        assert f"{id_} is not dead: its job is ready" in ctl.fails("requeue", id_)
        assert f"{id_} is not dead: its job is ready" in ctl.fails("discard", id_)
    world.store.wait_settled([id_])
