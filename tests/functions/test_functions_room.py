"""What gives way when memory is short: oldest, release, forget; and gateway_forget."""
import pytest

from functions_client import (CHAT_LOG, COUNT, EVENTS, HOUR_MS, INDEX, RETENTION, Worker, job_key,
                              new_id, snapshot)


@pytest.fixture
def w1(worker):
    return Worker(worker, "w1")


@pytest.fixture
def old(api, admin):
    """Places orders so that the index holds them in this order, the first since 1970. -> ids"""
    def place(n):
        ids = [new_id() for _ in range(n)]
        for at, id_ in enumerate(ids, 1):
            api.place(id_, key="key-of-" + id_, fingerprint="f")
            admin.zadd(INDEX, {id_: at})
        return ids
    return place


def settle(w, id_, gateway=None):
    w.pay(id_, "declined")
    if gateway:
        gateway.charge("pay_" + id_, outcome="declined")


def test_settled_orders_go_with_all_that_is_theirs(api, worker, gateway, admin, w1, old):
    settled, kept = old(2)
    settle(w1, settled, gateway)
    assert worker.oldest("w1") == ["oldest", settled, kept]
    assert worker.release([settled, kept]) == ["released", 1, "pay_" + settled]
    assert admin.hget(job_key(settled), "leaving") == "1", "still there, and marked"
    assert gateway.gateway_forget(["pay_" + settled, "pay_never"]) == ["forgotten", 1]
    assert worker.forget([settled, kept]) == ["forgotten", 1]
    assert not admin.exists(job_key(settled), "gateway:{s00}:pay_" + settled)
    assert admin.zrange(INDEX, 0, -1) == [kept]
    assert admin.hmget(COUNT, "orders_forgotten", "forgotten_to") == ["1", "1"]
    assert api.stats(["w1"])[:4] == ["stats", 2, 1, 0]


def test_a_remembered_key_outlives_its_order(api, worker, admin, w1, old):
    """Until its 24 hours are over a repeat must not order again."""
    id_, = old(1)
    settle(w1, id_)
    worker.release([id_])
    assert worker.forget([id_]) == ["forgotten", 1]
    assert api.place(new_id(), key="key-of-" + id_, fingerprint="f") == ["replay", id_]
    assert admin.hget(COUNT, "placed") == "1"


@pytest.mark.parametrize("where", ["ready", "active", "delayed", "dead"])
def test_what_is_not_settled_never_goes(api, worker, admin, w1, old, where):
    id_, = old(1)
    if where != "ready":
        epoch = w1.claim(id_)
    if where == "delayed":
        worker.fail("w1", id_, epoch)
    if where == "dead":
        worker.fail("w1", id_, epoch, allowed=1)
    before = snapshot(admin)
    assert worker.release([id_]) == ["released", 1]
    assert worker.forget([id_]) == ["forgotten", 0]
    assert snapshot(admin) == before
    admin.hset(job_key(id_), "leaving", 1)  # a mark alone does not do it
    assert worker.forget([id_]) == ["forgotten", 0]
    admin.hdel(job_key(id_), "leaving")


def test_forget_takes_only_what_was_released(worker, admin, w1, old):
    id_, = old(1)
    settle(w1, id_)
    before = snapshot(admin)
    assert worker.forget([id_, new_id()]) == ["forgotten", 0]
    assert worker.release([id_], is_short=0) == ["released", 1]
    assert snapshot(admin) == before


def test_expired_orders_leave_the_index(worker, admin, w1, old):
    gone, kept = old(2)
    settle(w1, gone)
    admin.delete(job_key(gone))  # as expiry does
    assert worker.release([gone, kept], is_short=0) == ["released", 1]
    assert admin.zrange(INDEX, 0, -1) == [kept]


def test_forgotten_to_never_goes_back(worker, admin, w1, old):
    first, second = old(2)
    assert w1.take(2) == [first, second]
    for id_ in (first, second):
        w1.charge(id_, w1.begin(id_), "declined")
    worker.release([first, second])
    for id_ in (second, first):
        worker.forget([id_])
    assert admin.hmget(COUNT, "orders_forgotten", "forgotten_to") == ["2", "2"]


def test_oldest_steps_over_what_stays_and_stops_at_the_young(api, worker, old):
    ids = old(3)
    young = new_id()
    api.place(young)
    assert worker.oldest("w1", n=2) == ["oldest", *ids[:2]]
    assert worker.oldest("w1", first=2, age=HOUR_MS) == ["oldest", ids[2]]
    assert worker.oldest("w1", first=2) == ["oldest", ids[2], young]
    assert worker.oldest("w1", first=3, age=HOUR_MS) == ["oldest"]


def test_one_worker_at_a_time(worker, admin, old):
    old(1)
    assert worker.oldest("w1")[0] == "oldest"
    assert worker.oldest("w2") == ["waiting"]
    assert worker.oldest("w1")[0] == "oldest", "it keeps its turn by asking"
    at = int(admin.get(RETENTION).split()[1])
    admin.set(RETENTION, f"w1 {at - 1000}")
    assert worker.oldest("w2", turn=1000)[0] == "oldest", "w1 has not asked for so long"
    assert worker.oldest("w1") == ["waiting"]


@pytest.mark.parametrize("held", ["w1 1", "w1 9999999999999", "nonsense"])
def test_a_turn_of_another_clock_is_over(worker, admin, held):
    """Redis' clock was set forward or back since: nobody waits for that."""
    admin.set(RETENTION, held)
    assert worker.oldest("w2", turn=1000) == ["oldest"]


def test_short_memory_trims_events_and_chat(worker, admin):
    for key, n in ((EVENTS, 15000), (CHAT_LOG, 3000)):
        pipe = admin.pipeline(transaction=False)
        for i in range(1, n + 1):
            pipe.xadd(key, {"text": "x"}, id=f"{i}-0")
        pipe.execute()
    worker.oldest("w1", is_short=0)
    assert (admin.xlen(EVENTS), admin.xlen(CHAT_LOG)) == (15000, 3000)
    worker.oldest("w1")
    assert 10000 <= admin.xlen(EVENTS) < 10200 and 1000 <= admin.xlen(CHAT_LOG) < 1200
    assert admin.xrevrange(EVENTS, count=1)[0][0] == "15000-0", "the oldest went"
    admin.delete(EVENTS, CHAT_LOG)
