"""What a worker can be doing when it is killed. Each scenario makes its state by calling the
functions themselves, lets a worker loose on it, and says what must have become of it in the end,
whoever did which part."""
import contextlib
import signal

import redis

import functions_client as fc
from chaos_bench import wait_until, worker_of
from tiffin_stack import DEADLINE_S
from tiffin_store import GOOD_LIFE

PLACED = ("order_placed", "pending", "pending")
CANCELLED = ("cancelled", "pending", "pending")
CANCELLED_PAID = ("cancelled", "paid", "pending")
REFUNDED = ("cancelled", "refunded", "cancelled")
REVIEW = ("needs_review", "pending", "pending")
BATCH = 100  # jobs that one call of leave or reap moves


class Scenario:
    """settings: of the victim; `successor`: of who comes after it, where they differ. `only`: the
    calls it is about, where its others are as in another scenario. `points`: instead of those that
    an undisturbed run finds."""

    settings = {}
    successor = None
    only = None
    points = None
    reached_s = DEADLINE_S  # idle workers pass some points only every two seconds

    def prepare(self, bench):
        """-> ids of the jobs that must be over in the end"""
        return bench.place()

    def accompany(self, bench, victim, ids):
        """What people do while the victim is at work. Ends by itself when the victim is dead."""

    def is_over(self, bench):
        """What must have come about beside the jobs."""
        return True

    def resume(self, bench, ids):
        """What people do once the victim is dead, before a successor is started."""

    def check(self, bench, ids):
        for id_ in ids:
            assert bench.history(id_) == GOOD_LIFE
            assert bench.ledger(id_)["captures"] == 1
            assert "refunds" not in bench.ledger(id_)


def alive(victim):
    return victim.poll() is None


def while_alive(victim, condition, what):
    """Waits for it as long as the victim lives. -> the answer; None when it died first"""
    return wait_until(lambda: not alive(victim) or condition(), what) and (
        alive(victim) and condition() or None)


# ---- an order's life -----------------------------------------------------------------------------

class Life(Scenario):
    """All waits are 0: one claim, then the job stays in hand."""


class LifeWithWaits(Scenario):
    """Every stage waits among the delayed, and is claimed anew."""
    settings = {"PAYMENT_MS": 5, "KITCHEN_MS": 5, "STAGE_MIN_MS": 15, "STAGE_MAX_MS": 15}


class LifeWithTimers(Scenario):
    """Long enough for heartbeats, the clock, the figures and the reaper to run beside the job."""
    settings = {"PAYMENT_MS": 600, "KITCHEN_MS": 700}


class TwoAtOnce(Scenario):
    """Two orders and an update of one claim, their calls in one write."""
    only = ("claim", "begin_jobs", "gateway_charge", "publish_update")

    def prepare(self, bench):
        update = fc.new_id("update")
        assert bench.people.accept_update(update)[0] == "accepted"
        return [*bench.place(2), update]

    def check(self, bench, ids):
        super().check(bench, ids[:2])


class Update(Scenario):
    """Two broadcasts: one that is due, one to come. One at a time, so that it is begun in a call of its
    own, also where a slow machine has made both due."""
    settings = {"WORKER_CONCURRENCY": 1}

    def prepare(self, bench):
        ids = [fc.new_id("update") for _ in range(2)]
        for id_, delay in zip(ids, (0, 60)):
            assert bench.people.accept_update(id_, "Soup of " + id_, delay)[0] == "accepted"
        return ids

    def check(self, bench, ids):
        texts = sorted(fields["text"] for _, fields in bench.admin.xrange(fc.CHAT_LOG))
        assert texts == sorted("Soup of " + id_ for id_ in ids)


# ---- money ---------------------------------------------------------------------------------------

class Decline(Scenario):
    settings = {"PAYMENT_DECLINE_PCT": 100}

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, ("payment_failed", "declined", "cancelled")]
        assert "captures" not in bench.ledger(ids[0])


class CancelBeforeIntent(Scenario):
    def prepare(self, bench):
        ids = bench.place()
        assert bench.people.cancel(ids[0]) == ["cancelled"]
        return ids

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, CANCELLED,
                                         ("cancelled", "not_charged", "cancelled")]
        assert not bench.admin.keys("gateway:*"), "nobody was ever charged"


class CancelAfterIntent(Scenario):
    """A worker stored the key and went; whether it charged, nobody knows. Then came the cancel: the
    charge is finished under its key, and refunded."""

    def prepare(self, bench):
        ids = bench.place()
        before = fc.Worker(bench.people, "gone")
        epoch = before.claim(ids[0])
        assert bench.people.intent("gone", ids[0], epoch, "pay_" + ids[0])[0] == "ok"
        assert bench.people.leave("gone", ids) == ["left", 1, 0]
        assert bench.people.cancel(ids[0]) == ["cancelled"]
        return ids

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, CANCELLED, CANCELLED_PAID, REFUNDED]
        assert (bench.ledger(ids[0])["captures"], bench.ledger(ids[0])["refunds"]) == (1, 1)


class CancelAfterCharge(Scenario):
    """Paid, then cancelled: the kitchen's step finds the mark and the money goes back."""

    def prepare(self, bench):
        ids = bench.place()
        before = fc.Worker(bench.people, "gone")
        epoch = before.claim(ids[0])
        key = "pay_" + ids[0]
        assert bench.people.intent("gone", ids[0], epoch, key)[0] == "ok"
        assert bench.people.charge(key)[0] == "captured"
        assert bench.people.step("gone", ids[0], epoch, "payment")[0] == "held"
        assert bench.people.cancel(ids[0]) == ["cancelled"]
        assert bench.people.leave("gone", ids) == ["left", 1, 0]
        return ids

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, ("order_placed", "paid", "pending"),
                                         CANCELLED_PAID, REFUNDED]
        assert (bench.ledger(ids[0])["captures"], bench.ledger(ids[0])["refunds"]) == (1, 1)


class GatewayFails(Scenario):
    """The last two tries, both errors: retried once, then dead, and never charged."""
    settings = {"PAYMENT_ERROR_PCT": 100}

    def prepare(self, bench):
        ids = bench.place()
        bench.admin.hset(fc.job_key(ids[0]), "tries", 6)
        return ids

    def check(self, bench, ids):
        order = bench.order(ids[0])
        assert bench.history(ids[0]) == [PLACED, REVIEW]
        assert order["dead_reason"] and order["step"] == "payment" and order["tries"] == "8"
        assert bench.admin.zrange(fc.DEAD, 0, -1) == ids
        assert bench.ledger(ids[0]) == {}


class GatewayForgets(GatewayFails):
    """Captured each time it is asked, and each answer lost: unknown to the end, charged once."""
    settings = {"PAYMENT_LOST_REPLY_PCT": 100}

    def resume(self, bench, ids):
        """Whatever it was killed at, fsck sees no damage."""
        said = bench.ctl("fsck")
        assert said.returncode == 0, said.stdout + said.stderr

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, REVIEW]
        assert bench.ledger(ids[0])["captures"] == 1


# ---- other workers -------------------------------------------------------------------------------

class Reap(Scenario):
    """Another worker has died with two orders, an update, and an order that crashed too often."""
    only = ("SMEMBERS", "active", "reap", "beat", "claim", "begin_jobs")

    def prepare(self, bench):
        update = fc.new_id("update")
        assert bench.people.accept_update(update)[0] == "accepted"
        ids = bench.place(3)
        bench.admin.hset(fc.job_key(ids[2]), "crashes", 7)
        dead = fc.Worker(bench.people, "dead")
        assert len(dead.take(10)) == 4
        dead.begin(ids[0])
        bench.admin.delete(fc.heartbeat_key("dead"))
        return [*ids, update]

    def check(self, bench, ids):
        super().check(bench, ids[:2])
        assert bench.history(ids[2]) == [PLACED, REVIEW]
        assert bench.order(ids[2])["dead_reason"] == "its workers keep dying"
        assert "dead" not in bench.admin.smembers(fc.WORKERS)


class ReapMany(Scenario):
    """More than one call can move."""
    only = ("active", "reap")

    def prepare(self, bench):
        ids = bench.place(BATCH + 1)
        assert len(fc.Worker(bench.people, "dead").take(200)) == BATCH + 1
        bench.admin.delete(fc.heartbeat_key("dead"))
        return ids


class Leave(Scenario):
    """Asked to stop, with no time to finish what it holds. The successor charges at once."""
    settings = {"PAYMENT_MS": 20000, "DRAIN_MS": 0}
    successor = {}
    only = ("active", "leave", "begin_jobs", "claim")
    jobs = 2

    def prepare(self, bench):
        return bench.place(self.jobs)

    def accompany(self, bench, victim, ids):
        if " claim " in bench.crash_point():
            return  # it looks for more again and again, whether it is asked to stop or not

        def all_intended():
            pipe = bench.admin.pipeline(transaction=False)
            for id_ in ids:
                pipe.hexists(fc.job_key(id_), "payment_key")
            return all(pipe.execute())
        if while_alive(victim, all_intended, "all in hand"):
            victim.send_signal(signal.SIGTERM)


class LeaveMany(Leave):
    only = ("active", "leave")
    jobs = BATCH + 1


class Adopt(Scenario):
    """A claim was executed, its answer never came: the job is in the worker's list, not in its
    mind. The comparison after a reconnect finds it."""
    only = ("beat", "active", "begin_jobs", "gateway_charge", "step_jobs")

    def prepare(self, bench):
        bench.people.pause()  # so that the only way is adoption
        return bench.place()

    def accompany(self, bench, victim, ids):
        admin = bench.admin
        mine = while_alive(victim, lambda: worker_of(admin, victim.pid), "its registration")
        if mine is None:
            return
        if while_alive(victim, lambda: bench.points_passed()["after active"], "its first look"):
            admin.hset(fc.active_key(mine), admin.rpop(fc.READY), "-")
            for client in admin.client_list():
                if client["name"] == "tiffin-worker":
                    with contextlib.suppress(redis.ResponseError):
                        admin.client_kill_filter(_id=client["id"])

    def resume(self, bench, ids):
        bench.people.resume()


# ---- room ----------------------------------------------------------------------------------------

class Expired(Scenario):
    """A minute after its start a worker drops from the index what has expired."""
    points = [f"{phase} {call} 1" for phase in ("after", "before") for call in ("oldest", "release")]
    reached_s = 60 + DEADLINE_S
    gone = [f"order_00expired{n}" for n in range(3)]

    def prepare(self, bench):
        ids = bench.place(2)
        bench.admin.zadd(fc.INDEX, {**{id_: 1 for id_ in self.gone}, ids[0]: 2})  # in 1970
        return ids

    def check(self, bench, ids):
        super().check(bench, ids)
        index = set(bench.admin.zrange(fc.INDEX, 0, -1))
        assert index in ({*ids}, {*ids, *self.gone}), "all of them, or none"
        assert bench.people.release([*self.gone, *ids], is_short=0) == ["released", len(ids)]
        assert set(bench.admin.zrange(fc.INDEX, 0, -1)) == {*ids}


class Room(Scenario):
    """Memory is short: settled orders go, with their ledger entries. Of two that stay the older
    one waits for people, the other is at work."""
    settings = {"REQUEST_TIMEOUT_MS": 60000}  # no order placed within the last minute goes
    only = ("INFO", "oldest", "release", "gateway_forget", "forget")
    names = ["order_00" + letter * 20 for letter in "abc"]

    def prepare(self, bench):
        old = fc.Worker(bench.people, "old")
        for id_ in self.names:
            bench.people.place(id_)
            epoch = old.claim(id_)
            assert bench.people.charge("pay_" + id_)[0] == "captured"
            assert old.finish(id_, old.charge(id_, epoch))[0] == "settled"
        dead, held = bench.place(2)
        assert set(old.take(2)) == {dead, held}
        bench.people.fail("old", dead, old.begin(dead), allowed=1)
        bench.people.leave("old", [held])
        bench.admin.zadd(fc.INDEX, {id_: n for n, id_ in enumerate((dead, *self.names), 1)})
        bench.admin.config_set("maxmemory", bench.admin.info("memory")["used_memory"] * 10 // 9)
        return [dead, held]

    def is_over(self, bench):
        left = [*map(fc.job_key, self.names), *("gateway:{s00}:pay_" + id_ for id_ in self.names)]
        return not bench.admin.exists(*left)

    def resume(self, bench, ids):
        """Whatever it was killed at, fsck sees no damage."""
        said = bench.ctl("fsck")
        assert said.returncode == 0, said.stdout + said.stderr

    def check(self, bench, ids):
        assert bench.history(ids[0]) == [PLACED, REVIEW]
        assert not set(self.names) & set(bench.admin.zrange(fc.INDEX, 0, -1))
        assert bench.admin.hget(fc.COUNT, "orders_forgotten") == "3"


SCENARIOS = {
    "life": Life(), "waits": LifeWithWaits(), "timers": LifeWithTimers(), "two": TwoAtOnce(),
    "update": Update(), "decline": Decline(), "cancel": CancelBeforeIntent(),
    "cancel-intent": CancelAfterIntent(), "refund": CancelAfterCharge(),
    "gateway-fails": GatewayFails(), "gateway-forgets": GatewayForgets(), "reap": Reap(),
    "reap-many": ReapMany(), "leave": Leave(), "leave-many": LeaveMany(),
    "adopt": Adopt(), "expired": Expired(), "room": Room(),
}
