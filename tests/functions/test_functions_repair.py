"""repair_place, repair_record, repair_counts: what tiffin-ctl fsck --repair calls. Damage is done by
hand; after each test the invariant holds again (see conftest)."""
import pytest

from functions_client import (COUNT, DEAD, DELAYED, FAR_AWAY_MS, INDEX, KEEP_SECONDS, READY,
                              WORKERS, Functions, Worker, active_key, heartbeat_key, job_key,
                              new_id, places, snapshot)

W1, W2, STRAY = "w1", "w2", "stray"


@pytest.fixture
def hands(admin, api):
    return Hands(admin, api)


class Hands:
    """An operator: the three functions as admin, and an order to work on."""

    def __init__(self, admin, api):
        self.redis, self.do, self.api = admin, Functions(admin), api
        self.id = new_id()
        assert api.place(self.id) == ["placed", self.id]

    def place(self, id_=None, workers=(W1, W2, STRAY)):
        pairs = [key for w in workers for key in (heartbeat_key(w), active_key(w))]
        id_ = id_ or self.id
        return self.do.fcall("repair_place", [job_key(id_), READY, DELAYED, DEAD,
                                              WORKERS, *pairs], id_, *workers)

    def record(self, id_=None, created=1700000000000):
        id_ = id_ or self.id
        return self.do.fcall("repair_record", [job_key(id_), INDEX], id_, created,
                             KEEP_SECONDS)

    def counts(self, workers=()):
        return self.do.fcall("repair_counts", [COUNT, READY, DELAYED, DEAD, WORKERS,
                                               *map(active_key, workers)])

    def where(self, id_=None):
        return places(self.redis).get(id_ or self.id, [])

    def order(self):
        return self.redis.hgetall(job_key(self.id))

    def settle(self, worker):
        w = Worker(worker)
        return w.finish(self.id, w.pay(self.id))

    def bury(self, worker):
        w = Worker(worker)
        return worker.fail(w.name, self.id, w.claim(self.id), allowed=1)


# ---- repair_place: what is right stays as it is -----------------------------------------------


def test_what_stands_right_is_left_alone(hands, worker, admin):
    before = snapshot(admin)
    assert hands.place() == ["nothing"]
    assert snapshot(admin) == before
    w = Worker(worker)
    epoch = w.claim(hands.id)
    before = snapshot(admin)
    assert hands.place() == ["nothing"]
    assert snapshot(admin) == before
    worker.fail(w.name, hands.id, epoch)
    assert hands.place() == ["nothing"] and hands.where() == [DELAYED]


def test_dead_and_settled_are_left_alone(hands, worker):
    hands.bury(worker)
    assert hands.place() == ["nothing"] and hands.where() == [DEAD]
    other = Hands(hands.redis, hands.api)
    other.settle(worker)
    assert other.place() == ["nothing"] and other.where() == []


def test_a_worker_the_caller_did_not_know(hands, worker, admin):
    worker.beat("w9")
    admin.lrem(READY, 0, hands.id)
    admin.lpush(active_key("w9"), hands.id)  # held, although none of the named lists has it
    assert hands.place() == ["changed"]
    assert hands.where() == [active_key("w9")]


# ---- repair_place: lost, doubled, stray ---------------------------------------------------------


def test_a_lost_job_goes_to_ready(hands, worker, admin):
    w = Worker(worker)
    epoch = w.claim(hands.id)
    admin.delete(active_key(w.name))
    assert hands.place() == ["repaired", "put back to ready"]
    assert hands.where() == [READY]
    w.take()
    assert worker.step(w.name, hands.id, epoch, "payment", "declined") == ["fenced"]


def test_a_lost_dead_job_goes_to_dead(hands, worker, admin):
    hands.bury(worker)
    admin.zrem(DEAD, hands.id)
    assert hands.place()[0] == "repaired"
    assert hands.where() == [DEAD]


@pytest.mark.parametrize("damage", ["ready twice", "ready and delayed", "ready and dead"])
def test_one_of_several_places_stays(hands, admin, damage):
    if damage == "ready twice":
        admin.lpush(READY, hands.id)
    elif damage == "ready and delayed":
        admin.zadd(DELAYED, {hands.id: FAR_AWAY_MS})
    else:
        admin.zadd(DEAD, {hands.id: 1})
    assert hands.place()[0] == "repaired"
    assert len(hands.where()) == 1 and hands.where() != [DEAD]
    assert hands.place() == ["nothing"]


@pytest.mark.parametrize("times", [1, 2])
def test_the_worker_that_holds_it_keeps_it(hands, worker, admin, times):
    w = Worker(worker)
    epoch = w.claim(hands.id)
    admin.lpush(READY, hands.id)
    for _ in range(times - 1):
        admin.rpush(active_key(w.name), hands.id)
    assert hands.place() == ["repaired", "left to the worker that holds it"]
    assert hands.where() == [active_key(w.name)]
    worker.intent(w.name, hands.id, epoch, "pay_x")
    assert worker.step(w.name, hands.id, epoch, "payment")[0] == "held"


def test_two_holders_are_both_fenced(hands, worker, admin):
    first, second = Worker(worker, W1), Worker(worker, W2)
    epoch = first.claim(hands.id)
    admin.lpush(active_key(second.name), hands.id)
    assert hands.place() == ["repaired", "put back to ready"]
    assert hands.where() == [READY]
    assert worker.intent(first.name, hands.id, epoch, "pay_x") == ["fenced"]


def test_the_list_of_nobody(hands, worker, admin):
    admin.lrem(READY, 0, hands.id)
    admin.lpush(active_key(STRAY), hands.id)
    admin.set(heartbeat_key(STRAY), "now", ex=60)
    assert hands.place() == ["nothing"]  # it lives, and registers with its next heartbeat
    admin.delete(heartbeat_key(STRAY))
    assert hands.place() == ["repaired", "put back to ready"]
    assert hands.where() == [READY]


@pytest.mark.parametrize("where", [READY, active_key(W1)])
def test_needs_review_belongs_into_dead(hands, worker, admin, where):
    hands.bury(worker)
    admin.zrem(DEAD, hands.id)
    admin.lpush(where, hands.id)
    assert hands.place() == ["repaired", "kept in dead"]
    assert hands.where() == [DEAD]


def test_dead_without_a_reason_goes_on(hands, admin):
    admin.lrem(READY, 0, hands.id)
    admin.zadd(DEAD, {hands.id: 1})
    assert hands.place() == ["repaired", "put back to ready"]
    assert hands.where() == [READY]


def test_dead_with_a_reason_is_for_people(hands, worker, admin):
    hands.bury(worker)
    admin.hset(job_key(hands.id), "status", "order_placed")
    assert hands.place() == ["undecided"]
    admin.hset(job_key(hands.id), "status", "needs_review")


@pytest.mark.parametrize("where", [READY, DELAYED, DEAD, active_key(W1),
                                   active_key(STRAY)])
def test_what_is_settled_leaves_the_queue(hands, worker, admin, where):
    hands.settle(worker)
    if where in (DELAYED, DEAD):
        admin.zadd(where, {hands.id: 1})
    else:
        admin.lpush(where, hands.id)
    before = hands.order()
    assert hands.place() == ["repaired", "removed from the queue"]
    assert hands.where() == [] and hands.order() == before


def test_what_never_was_leaves_the_queue(hands, admin):
    for id_ in (new_id(), new_id("update"), "garbage"):
        admin.lpush(READY, id_)
        admin.zadd(DELAYED, {id_: 1})
        assert hands.place(id_) == ["repaired", "removed from the queue"]
        assert hands.where(id_) == []


def test_settled_by_its_step_alone_is_for_people(hands, admin):
    admin.hset(job_key(hands.id), "step", "settled")
    assert hands.place() == ["undecided"] and hands.record() == ["nothing"]
    admin.hdel(job_key(hands.id), "step")
    assert hands.place() == ["undecided"]
    admin.hset(job_key(hands.id), "step", "payment")


def test_delivered_but_at_an_earlier_step_is_for_people(hands, worker, admin):
    hands.settle(worker)
    admin.hset(job_key(hands.id), "step", "kitchen")
    assert hands.place() == ["undecided"] and hands.record() == ["nothing"]
    admin.hset(job_key(hands.id), "step", "settled")


def test_updates(hands, admin):
    id_ = new_id("update")
    hands.api.accept_update(id_)
    admin.lrem(READY, 0, id_)
    assert hands.place(id_) == ["repaired", "put back to ready"]
    admin.lrem(READY, 0, id_)
    admin.zadd(DEAD, {id_: 1})
    assert hands.place(id_) == ["nothing"]  # an update may be dead; it has no status that says so


def test_keys_must_fit_arguments(hands):
    with pytest.raises(Exception, match="two keys per worker"):
        hands.do.fcall("repair_place", [job_key(hands.id), READY, DELAYED, DEAD,
                                        WORKERS, active_key(W1)], hands.id, W1)


# ---- repair_record ------------------------------------------------------------------------------


def test_record_is_right(hands, worker):
    assert hands.record() == ["nothing"]
    hands.settle(worker)
    assert hands.record() == ["nothing"]


def test_settled_is_made_to_expire(hands, worker, admin):
    hands.settle(worker)
    admin.persist(job_key(hands.id))
    assert hands.record() == ["repaired", "made to expire"]
    assert 0 < admin.ttl(job_key(hands.id)) <= KEEP_SECONDS


def test_unsettled_is_kept(hands, admin):
    admin.expire(job_key(hands.id), 60)
    assert hands.record() == ["repaired", "kept from expiring"]
    assert admin.ttl(job_key(hands.id)) == -1


def test_index(hands, admin):
    gone = new_id()
    admin.zrem(INDEX, hands.id)
    admin.zadd(INDEX, {gone: 1})
    assert hands.record() == ["repaired", "added to the index"]
    assert admin.zscore(INDEX, hands.id) == 1700000000000
    assert hands.record(gone) == ["repaired", "removed from the index"]
    assert admin.zrange(INDEX, 0, -1) == [hands.id]


def test_an_update_is_not_indexed(hands, admin):
    id_ = new_id("update")
    hands.api.accept_update(id_)
    assert hands.record(id_) == ["nothing"]
    assert admin.zscore(INDEX, id_) is None


# ---- repair_counts --------------------------------------------------------------------------------


@pytest.mark.parametrize("field, by", [("placed", 3), ("placed", -1), ("settled", 2),
                                       ("updates_accepted", 4), ("updates_published", -1)])
def test_counts(hands, worker, admin, field, by):
    hands.settle(worker)
    for _ in range(3):
        hands.api.place(new_id())
        hands.api.accept_update(new_id("update"))
    before = admin.hgetall(COUNT)
    assert hands.counts([W1]) == ["nothing"]
    admin.hincrby(COUNT, field, by)
    assert hands.counts([W1])[0] == "repaired"
    after = admin.hgetall(COUNT)
    if field == "updates_published":  # nothing tells which of the two it was
        before["updates_published"] = "-1"
        before["updates_accepted"] = "2"
    assert after == before


def test_counts_that_only_people_can_mend(hands, worker, admin):
    hands.settle(worker)
    admin.hincrby(COUNT, "delivered", 1)
    assert hands.counts([W1]) == ["undecided"]
    admin.hincrby(COUNT, "delivered", -1)
    admin.hset(COUNT, "placed", "many")
    assert hands.counts([W1]) == ["undecided"]
    admin.hset(COUNT, "placed", 1)


def test_counts_need_all_workers(hands, worker):
    worker.beat(W1)
    assert hands.counts() == ["changed"]
    assert hands.counts([W1]) == ["nothing"]
