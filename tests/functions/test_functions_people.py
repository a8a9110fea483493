"""What people do to the queue: requeue, discard, pause, resume; and what is looked at or swept
away: stats, trim."""
import pytest
import redis

from functions_client import (COUNT, DEAD, DELAYED, EVENTS, HOUR_MS, INDEX, LIVE, PAUSED, READY,
                              STAGES, Functions, Worker, check_invariant, heartbeat_key, history,
                              job_key, new_id, snapshot)

STEPS = ("payment", "kitchen") + STAGES


@pytest.fixture
def people(server):
    return Functions(server.client("admin"))


@pytest.fixture
def w1(worker):
    return Worker(worker, "w1")


def held_at(api, w, step, is_cancelled=False):
    """A new order in the worker's hands, about to do this step. -> id, epoch"""
    id_ = new_id()
    api.place(id_)
    epoch = w.claim(id_)
    if step == "refund" or is_cancelled:
        w.do.intent(w.name, id_, epoch, "pay_" + id_)
        api.cancel(id_)
    if step == "payment":
        return id_, epoch
    reply = w.charge(id_, epoch)
    while reply[2] != step:
        reply = w.do.step(w.name, id_, reply[3], reply[2])
    return id_, reply[3]


def killed(w, id_, epoch):
    assert w.do.fail(w.name, id_, epoch, allowed=1) == ["dead", 1]


def dead_at(api, w, step, is_cancelled=False):
    id_, epoch = held_at(api, w, step, is_cancelled)
    killed(w, id_, epoch)
    return id_


def dead_update(api, w):
    id_ = new_id("update")
    api.accept_update(id_)
    killed(w, id_, w.claim(id_))
    return id_


# requeue


@pytest.mark.parametrize("step, is_cancelled",
                         [(step, False) for step in STEPS] + [("payment", True), ("refund", True)])
def test_requeue_goes_on_at_the_kept_step(api, worker, admin, people, w1, step, is_cancelled):
    id_, epoch = held_at(api, w1, step, is_cancelled)
    alive = admin.hgetall(job_key(id_))
    killed(w1, id_, epoch)
    waiting = new_id()
    api.place(waiting)
    dead, n_events = admin.hgetall(job_key(id_)), admin.xlen(EVENTS)

    assert people.requeue(id_) == ["requeued", step]
    order = admin.hgetall(job_key(id_))
    version = int(alive["version"])
    assert [int(o["version"]) for o in (dead, order)] == [version + 1, version + 2]
    assert history(order)[version - 1:] == [
        history(alive)[-1], ("needs_review",) + history(alive)[-1][1:],
        history(alive)[-1]]
    changed = {"version", "epoch", f"v{version + 1}", f"v{version + 2}"}
    assert {name: order[name] for name in order if name not in changed} \
        == {name: alive[name] for name in alive if name not in changed}, "as before it failed"
    assert int(order["epoch"]) == epoch + 1
    (_, event), = admin.xrevrange(EVENTS, count=1)
    assert admin.xlen(EVENTS) == n_events + 1
    assert event == {"order": id_, "version": order["version"], "status": order["status"],
                     "payment_status": order["payment_status"],
                     "kitchen_status": order["kitchen_status"],
                     "at": order["v" + order["version"]].split(" ")[3]}
    assert admin.lrange(READY, 0, -1) == [waiting, id_], "at the taking end"
    assert admin.zcard(DEAD) == 0
    check_invariant(admin)

    assert w1.take(1) == [id_]
    begun = worker.begin("w1", id_)
    assert begun[1:5] == [epoch + 2, step, 0, alive["status"]]
    assert begun[7] == alive.get("payment_key", "")
    reply = w1.finish(id_, (w1.charge if step == "payment" else step_ok(w1, step))(id_, begun[1]))
    assert reply[0] == "settled"
    last = history(admin.hgetall(job_key(id_)))[-1]
    assert last == (("cancelled", "refunded", "cancelled") if is_cancelled
                    else ("delivered", "paid", "acknowledged"))


def step_ok(w, step):
    return lambda id_, epoch: w.do.step(w.name, id_, epoch, step)


def test_requeue_of_what_has_no_status_to_go_back_to_changes_nothing(api, worker, admin, people, w1):
    id_ = dead_at(api, w1, "kitchen")
    admin.hdel(job_key(id_), "resume_status")
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError, match="no status to go back to"):
        people.requeue(id_)
    assert snapshot(admin) == before
    assert people.discard(id_) == ["discarded", "refund"], "this needs none"


def test_requeue_gives_all_tries_again(api, worker, admin, people, w1):
    id_ = new_id()
    api.place(id_)
    for tries in (1, 2, 3):
        reply = worker.fail("w1", id_, w1.claim(id_), wait=0, allowed=3)
    assert reply == ["dead", 3]
    people.requeue(id_)
    assert admin.hmget(job_key(id_), "tries", "dead_reason", "resume_status") == [None] * 3
    for tries in (1, 2):
        reply = worker.fail("w1", id_, w1.claim(id_), wait=0, allowed=3)
        assert reply == ["delayed", tries]


def test_requeue_after_its_workers_died_forgives_the_crashes(api, worker, admin, people):
    id_ = new_id()
    api.place(id_)
    for crash in (1, 2):
        w = Worker(worker, f"w{crash}")
        w.claim(id_)
        admin.delete(heartbeat_key(w.name))
        worker.reap(w.name, [id_], allowed=2)
    assert admin.hmget(job_key(id_), "status", "crashes") == ["needs_review", "2"]
    assert people.requeue(id_) == ["requeued", "payment"]
    assert admin.hmget(job_key(id_), "crashes", "dead_reason") == [None, None]
    w = Worker(worker, "w3")
    w.claim(id_)
    admin.delete(heartbeat_key("w3"))
    worker.reap("w3", [id_], allowed=2)
    assert admin.hmget(job_key(id_), "status", "crashes") == ["order_placed", "1"]


def test_whoever_held_it_before_it_died_is_fenced(api, worker, admin, people, w1):
    id_, old = held_at(api, w1, "kitchen")
    killed(w1, id_, old)
    people.requeue(id_)
    assert w1.take(1) == [id_]
    before = snapshot(admin)
    assert worker.step("w1", id_, old, "kitchen") == ["fenced"], "not even begun again"
    assert snapshot(admin) == before


def test_requeue_an_update(api, worker, admin, people, w1):
    id_ = dead_update(api, w1)
    assert people.requeue(id_) == ["requeued", "broadcast"]
    assert admin.hmget(job_key(id_), "tries", "dead_reason", "status", "epoch") \
        == [None, None, None, "2"]
    assert admin.xlen(EVENTS) == 0
    assert worker.publish_update("w1", id_, w1.claim(id_)) == ["published", 1]


# discard


def test_discard_before_any_charge_charges_nothing(api, worker, admin, people, w1):
    id_ = dead_at(api, w1, "payment")
    assert people.discard(id_) == ["discarded", "payment"]
    order = admin.hgetall(job_key(id_))
    assert history(order) == [("order_placed", "pending", "pending"),
                              ("needs_review", "pending", "pending"),
                              ("cancelled", "pending", "pending")]
    assert order["epoch"] == "2"
    assert {"tries", "crashes", "dead_reason", "resume_status"}.isdisjoint(order)
    assert admin.xlen(EVENTS) == 3 and admin.lrange(READY, 0, -1) == [id_]
    assert "cancelled" not in admin.hgetall(COUNT), "not settled yet"
    check_invariant(admin)
    epoch = w1.claim(id_)
    assert worker.intent("w1", id_, epoch, "pay") == ["cancelled"]
    assert worker.step("w1", id_, epoch, "payment", "not_charged") == ["settled", 4]
    assert history(admin.hgetall(job_key(id_)))[-1] == ("cancelled", "not_charged", "cancelled")


def dead_with_unknown_outcome(api, w):
    """The gateway was asked and never answered."""
    id_ = new_id()
    api.place(id_)
    epoch = w.claim(id_)
    w.do.intent(w.name, id_, epoch, "pay")
    killed(w, id_, epoch)
    return id_


def test_discard_with_an_unknown_outcome_finishes_the_charge_and_refunds(
        api, worker, gateway, admin, people, w1):
    id_ = dead_with_unknown_outcome(api, w1)
    gateway.charge("pay")  # captured, but the reply was lost
    assert people.discard(id_) == ["discarded", "payment"]
    epoch = w1.claim(id_)
    assert worker.intent("w1", id_, epoch, "other") == ["ok", "pay"], "never a new key"
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError, match="does not fit"):
        worker.step("w1", id_, epoch, "payment", "not_charged")
    assert snapshot(admin) == before
    assert gateway.charge("pay") == ["captured", 2]
    reply = worker.step("w1", id_, epoch, "payment")
    assert reply[:3] == ["held", 4, "refund"]
    assert gateway.refund("pay") == ["refunded"]
    assert worker.step("w1", id_, reply[3], "refund") == ["settled", 5]
    assert history(admin.hgetall(job_key(id_)))[2:] == [
        ("cancelled", "pending", "pending"), ("cancelled", "paid", "pending"),
        ("cancelled", "refunded", "cancelled")]
    assert admin.hmget("gateway:{s00}:pay", "captures", "refunds") == ["1", "1"]


def test_discard_with_an_unknown_outcome_that_was_declined_owes_nothing(
        api, worker, admin, people, w1):
    id_ = dead_with_unknown_outcome(api, w1)
    people.discard(id_)
    assert worker.step("w1", id_, w1.claim(id_), "payment", "declined") == ["settled", 4]
    assert history(admin.hgetall(job_key(id_)))[-1] == ("cancelled", "declined", "cancelled")


@pytest.mark.parametrize("step", STEPS[1:] + ("refund",))
def test_discard_what_is_paid_refunds(api, worker, admin, people, w1, step):
    id_ = dead_at(api, w1, step)
    version = int(admin.hget(job_key(id_), "version"))
    assert people.discard(id_) == ["discarded", "refund"]
    check_invariant(admin)
    assert worker.step("w1", id_, w1.claim(id_), "refund") == ["settled", version + 2]
    assert history(admin.hgetall(job_key(id_)))[-1] == ("cancelled", "refunded", "cancelled")
    assert admin.hgetall(COUNT) == {"placed": "1", "settled": "1", "cancelled": "1"}


@pytest.mark.parametrize("step, next_step", [("payment", "payment"), ("refund", "refund")])
def test_discard_what_had_been_cancelled(api, admin, people, w1, step, next_step):
    id_ = dead_at(api, w1, step, is_cancelled=True)
    assert people.discard(id_) == ["discarded", next_step]
    assert admin.hmget(job_key(id_), "status", "step", "resume_status") \
        == ["cancelled", next_step, None]


def test_a_discarded_order_that_dies_again_can_be_discarded_again(api, worker, people, w1):
    id_ = dead_at(api, w1, "out_for_delivery")
    for _ in range(2):
        assert people.discard(id_) == ["discarded", "refund"]
        killed(w1, id_, w1.claim(id_))
    assert people.requeue(id_) == ["requeued", "refund"]
    assert worker.step("w1", id_, w1.claim(id_), "refund")[0] == "settled"


def test_discard_an_update_forgets_it(api, admin, people, w1):
    id_ = dead_update(api, w1)
    assert people.discard(id_) == ["discarded", ""]
    assert not admin.exists(job_key(id_), DEAD, READY, EVENTS)
    assert admin.hgetall(COUNT) == {"updates_accepted": "1", "updates_discarded": "1"}


@pytest.mark.parametrize("name", ["requeue", "discard"])
def test_only_the_dead_are_requeued_or_discarded(api, worker, admin, people, w1, name):
    ready, delayed, active, settled, dead = (new_id() for _ in range(5))
    for id_ in (delayed, active, settled, dead):
        api.place(id_)
    w1.take(4)
    worker.fail("w1", delayed, w1.begin(delayed))
    w1.charge(settled, w1.begin(settled), "declined")
    killed(w1, dead, w1.begin(dead))
    api.place(ready)
    before = snapshot(admin)
    for id_ in (ready, delayed, active, settled, new_id(), new_id("update")):
        assert getattr(people, name)(id_) == ["not_dead"]
    assert snapshot(admin) == before
    getattr(people, name)(dead)
    before = snapshot(admin)
    assert people.requeue(dead) == people.discard(dead) == ["not_dead"], "once is enough"
    assert snapshot(admin) == before


# pause, resume; what a paused queue gives is in test_functions_jobs


def test_pause_and_resume_twice_are_once(admin, people):
    before = snapshot(admin)
    assert people.resume() == ["resumed"]
    assert snapshot(admin) == before
    assert people.pause() == people.pause() == ["paused"]
    assert admin.get(PAUSED)[-1] == "Z" and admin.ttl(PAUSED) == -1, "since when"
    assert people.resume() == ["resumed"]
    assert snapshot(admin) == before


def test_a_paused_queue_goes_on_taking_orders_and_giving_back(api, worker, admin, people, w1):
    id_, _ = held_at(api, w1, "payment")
    people.pause()
    assert api.place(new_id())[0] == "placed"
    assert worker.leave("w1", [id_]) == ["left", 1, 0]
    assert admin.llen(READY) == 2
    assert worker.beat("w2") == ["ok"] and worker.take("w2", 5) == [-1]


# stats


def test_stats_of_nothing(api):
    assert api.stats([]) == ["stats", 0, 0, 0, 0, 0, 0, 0, 0]


def test_stats_equals_the_places(api, worker, admin, people, w1):
    settled, delayed, dead, held, *ready = (new_id() for _ in range(7))
    for id_ in (settled, delayed, dead, held, *ready):
        api.place(id_)
    w1.take(4)
    w1.charge(settled, w1.begin(settled), "declined")
    w1.charge(delayed, w1.begin(delayed), wait=HOUR_MS)
    killed(w1, dead, w1.begin(dead))
    w2 = Worker(worker, "w2")
    w2.take(1)
    update, *later = (new_id("update") for _ in range(4))
    for id_ in (update, *later):
        api.accept_update(id_, delay=HOUR_MS)
    admin.zadd(DELAYED, {update: 1}, xx=True)
    assert w2.take(1) == [update]
    killed(w2, update, w2.begin(update))
    expected = ["stats", 7, 1, 4, 2, 2, 4, 2, 0]
    assert api.stats(["w1", "w2"]) == api.stats(["w2", "w1"]) == expected
    people.pause()
    assert api.stats(["w1", "w2"]) == expected[:-1] + [1]


def test_stats_asks_again_when_a_worker_has_come_or_gone(api, worker, w1):
    api.place(new_id())
    Worker(worker, "w2")
    for stale in ([], ["w1"], ["w1", "w2", "w3"], ["w1", "w3"]):
        assert api.stats(stale) == ["changed"], stale
    worker.leave("w1", [])
    Worker(worker, "w3").take(1)
    assert api.stats(["w1", "w2"]) == ["changed"], "one came, one went: as many as before"
    assert api.stats(["w2", "w3"]) == ["stats", 1, 0, 0, 0, 1, 0, 0, 0]


def test_stats_only_reads(server, api, admin, w1):
    api.place(new_id())
    before = snapshot(admin)
    assert api.stats(["w1"])[0] == "stats"
    assert snapshot(admin) == before
    with pytest.raises(redis.ResponseError, match="(?i)write flag"):
        server.client("admin").execute_command("FCALL_RO", "pause", 1, PAUSED)


# live_write


@pytest.mark.parametrize("user", ["api", "worker", "ws"])
def test_figures_are_never_without_their_expiry(server, admin, user):
    functions = Functions(server.client(user))
    assert functions.live_write("p-1", "requests_total", 5, "le3", 2) == ["written"]
    assert admin.hgetall(LIVE + ":p-1") == {"requests_total": "5", "le3": "2"}
    assert 0 < admin.pttl(LIVE + ":p-1") <= 3000
    assert admin.zrange(LIVE, 0, -1) == ["p-1"]
    admin.zadd(LIVE, {"long-gone": 1})
    functions.live_write("p-1", "requests_total", 6)
    assert admin.zrange(LIVE, 0, -1) == ["p-1"]


# trim


def test_trim_drops_only_what_has_expired(api, worker, admin, w1):
    gone, kept, other, unsettled = ids = [new_id() for _ in range(4)]
    for id_ in ids:
        api.place(id_)
    w1.take(4)
    for id_ in (gone, kept, other):
        w1.charge(id_, w1.begin(id_), "declined")
    admin.delete(job_key(gone), job_key(other))  # as expiry does
    before = snapshot(admin)
    assert worker.trim([]) == ["trimmed", 0]
    assert worker.trim([kept, unsettled, new_id()]) == ["trimmed", 0]
    assert snapshot(admin) == before
    assert worker.trim([gone, kept, unsettled]) == ["trimmed", 1]
    assert set(admin.zrange(INDEX, 0, -1)) == {kept, other, unsettled}
    assert worker.trim([gone, other]) == ["trimmed", 1]


def test_an_order_expires_by_itself_and_is_trimmed(api, worker, admin, w1):
    id_ = new_id()
    api.place(id_)
    w1.charge(id_, w1.claim(id_), "declined")
    assert worker.trim([id_]) == ["trimmed", 0]
    admin.pexpire(job_key(id_), 0)
    assert worker.trim([id_]) == ["trimmed", 1]
    assert admin.zcard(INDEX) == 0
    assert api.stats(["w1"]) == ["stats", 1, 1, 0, 0, 0, 0, 0, 0]
