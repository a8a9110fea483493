"""Money past the time for which the gateway surely knows its key: nothing is asked any more, nothing
is inferred, a person decides. The order is made older instead of the clock younger."""
import time

import pytest

from functions_client import (COUNT, DEAD, DELAYED, EVENTS, FACTS, KEEP_SECONDS, READY, Functions,
                              Worker, active_key, check_invariant, history, job_key, new_id,
                              snapshot)

OLD = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def w1(worker):
    return Worker(worker)


@pytest.fixture
def people(admin):
    return Functions(admin)


def unknown(api, w1):
    """An order whose charge was asked for, in w1's hands. -> id, epoch"""
    id_ = new_id()
    api.place(id_)
    epoch = w1.claim(id_)
    assert w1.do.intent("w1", id_, epoch, "pay_" + id_)[0] == "ok"
    return id_, epoch


def grow_old(admin, id_):
    admin.hset(job_key(id_), "created_at", OLD)


def dead(api, w1, step):
    """Dead at this step, with a payment key."""
    id_, epoch = unknown(api, w1)
    at = "payment"
    while at != step:
        if step == "refund":
            w1.do.cancel(id_)
        _, _, at, epoch = w1.do.step("w1", id_, epoch, at)
    assert w1.do.fail("w1", id_, epoch, allowed=1)[0] == "dead"
    return id_


def test_a_key_of_the_orders_first_day_needs_no_time_of_its_own(api, worker, admin, w1):
    id_, _ = unknown(api, w1)
    assert admin.hget(job_key(id_), "payment_key_at") is None
    later = new_id()
    api.place(later)
    grow_old(admin, later)
    epoch = w1.claim(later)
    worker.intent("w1", later, epoch, "pay_later")
    assert admin.hget(job_key(later), "payment_key_at")[:4] > "2020"
    assert w1.begin(later) > epoch, "a late key is as good as any"


@pytest.mark.parametrize("age_days, is_past", [(79, False), (81, True)])
def test_begin_hands_out_no_charge_that_the_gateway_may_have_forgotten(
        api, worker, admin, w1, age_days, is_past):
    id_, _ = unknown(api, w1)
    then = admin.time()[0] - age_days * 86400
    admin.hset(job_key(id_), "created_at", time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(then)))
    reply = worker.begin("w1", id_)
    assert reply[0] == ("dead" if is_past else "begun")
    check_invariant(admin)
    if is_past:
        assert "tiffin-ctl settle" in reply[1]
        assert admin.hmget(job_key(id_), "status", "dead_reason", "resume_status") \
            == ["needs_review", reply[1], "order_placed"]


@pytest.mark.parametrize("step", ["refund", "kitchen"])
def test_begin_hands_out_no_refund_either(api, worker, admin, people, w1, step):
    """Nor the kitchen's step of a cancelled order, which would lead there without another begin."""
    id_ = dead(api, w1, step)
    if step == "kitchen":
        admin.hset(job_key(id_), "resume_status", "cancelled")
    people.requeue(id_)
    grow_old(admin, id_)
    assert id_ in w1.take(9)
    assert worker.begin("w1", id_)[0] == "dead"
    assert admin.zrange(DEAD, 0, -1) == [id_]
    check_invariant(admin)


def test_what_needs_no_gateway_any_more_goes_on_at_any_age(api, worker, admin, people, w1):
    id_ = dead(api, w1, "preparing_food")
    grow_old(admin, id_)
    assert people.requeue(id_) == ["requeued", "preparing_food"]
    assert w1.claim(id_)


def test_a_worker_of_the_version_before_is_told_nothing(api, worker, admin, w1):
    """It does not know how to bury it: the job stays with it, until it leaves."""
    id_, _ = unknown(api, w1)
    grow_old(admin, id_)
    before = snapshot(admin)
    assert worker.fcall("begin", [job_key(id_), active_key("w1")], id_) == ["gone"]
    assert snapshot(admin) == before
    assert worker.leave("w1", [id_]) == ["left", 1, 0]


@pytest.mark.parametrize("step", ["payment", "refund"])
def test_people_cannot_send_it_into_the_same_hole(api, admin, people, w1, step):
    id_ = dead(api, w1, step)
    grow_old(admin, id_)
    before = snapshot(admin)
    assert people.requeue(id_) == ["past_gateway", OLD]
    assert people.discard(id_) == ["past_gateway", OLD]
    assert snapshot(admin) == before


def test_what_is_paid_cannot_be_discarded_past_it(api, admin, people, w1):
    id_ = dead(api, w1, "preparing_food")
    grow_old(admin, id_)
    assert people.discard(id_) == ["past_gateway", OLD]


@pytest.mark.parametrize("step", ["payment", "kitchen", "refund"])
@pytest.mark.parametrize("money", ["refunded", "not_charged"])
def test_settle_ends_it_by_a_persons_word(api, admin, people, w1, step, money):
    id_ = dead(api, w1, step)
    grow_old(admin, id_)
    version = int(admin.hget(job_key(id_), "version"))
    assert people.settle(id_, money) == ["settled", version + 1]
    order = admin.hgetall(job_key(id_))
    assert history(order)[-1] == ("cancelled", money, "cancelled")
    assert order["step"] == "settled" and order["settled_by_hand"]
    assert "dead_reason" not in order and "resume_status" not in order
    assert 0 < admin.ttl(job_key(id_)) <= KEEP_SECONDS
    assert admin.hgetall(COUNT) == {"placed": "1", "settled": "1", "cancelled": "1"}
    check_invariant(admin)
    assert people.settle(id_, money) == ["not_dead"]


def test_settle_refuses_what_cannot_be(api, admin, people, w1):
    id_ = new_id()
    api.place(id_)
    w1.do.fail("w1", id_, w1.claim(id_), allowed=1)
    update = new_id("update")
    api.accept_update(update)
    w1.do.fail("w1", update, w1.claim(update), allowed=1)
    before = snapshot(admin)
    assert people.settle(id_, "refunded") == ["misfit", "pending"], "no gateway was ever asked"
    assert people.settle(id_, "paid") == ["misfit", "pending"]
    assert people.settle(update, "refunded") == ["misfit", ""]
    assert snapshot(admin) == before


def test_how_long_orders_are_kept_is_a_fact_of_the_store(api, worker, admin, w1):
    def settled(keep):
        id_ = new_id()
        api.place(id_)
        epoch = w1.claim(id_)
        worker.intent("w1", id_, epoch, "pay_" + id_)
        assert worker.step("w1", id_, epoch, "payment", "declined", keep=keep)[0] == "settled"
        return admin.hmget(FACTS, "keep_seconds", "keep_least")
    assert settled(500) == ["500", "500"]
    assert settled(900) == ["900", "500"], "some are still kept for less"
    assert settled(400) == ["400", "400"]
    admin.hset(FACTS, "keep_least_at", 0)
    assert settled(900) == ["900", "900"], "after 90 days nothing shows of it any more"


def test_step_of_the_version_before_keeps_no_fact(api, worker, admin, w1):
    id_, epoch = unknown(api, w1)
    keys = [job_key(id_), active_key("w1"), READY, DELAYED, EVENTS, COUNT]
    assert worker.fcall("step", keys, id_, epoch, "payment", "declined", 0, 60)[0] == "settled"
    assert not admin.exists(FACTS)
