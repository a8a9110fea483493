"""place, accept_update, cancel: what the API asks for."""
import re

import pytest
import redis

from functions_client import (COUNT, DELAYED, EVENTS, HOUR_MS, INDEX, READY, STAGES, Functions,
                              Worker, changes_of, check_invariant, history, job_key, new_id, order_args,
                              snapshot)


def test_place_stores_everything_at_once(api, admin):
    id_ = new_id()
    assert api.place(id_, item="Naan", quantity=3, user="123", key="key", fingerprint="f1") \
        == ["placed", id_]
    order = admin.hgetall(job_key(id_))
    at = order["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert order == {
        "id": id_, "restaurant_id": "resto_123", "restaurant": "The Spicy Spoon", "item": "Naan",
        "quantity": "3", "amount_cents": "1050", "currency": "USD", "created_at": at,
        "step": "payment", "epoch": "0", "user_id": "123", "status": "order_placed",
        "payment_status": "pending", "kitchen_status": "pending", "version": "1",
        "v1": f"order_placed pending pending {at}"}
    assert admin.lrange(READY, 0, -1) == [id_]
    assert admin.hgetall(COUNT) == {"placed": "1"}
    assert admin.zrange(INDEX, 0, -1) == [id_]
    assert admin.lrange("user:{s00}:123:orders", 0, -1) == [id_]
    assert admin.get("idem:{s00}:key") == f"f1 {id_}"
    assert 86340 <= admin.ttl("idem:{s00}:key") <= 86400
    assert list(changes_of(admin)) == [{"order": id_, "version": "1", "status": "order_placed",
                                        "payment_status": "pending", "kitchen_status": "pending", "at": at}]


def test_several_orders_of_one_call_are_one_event(api, admin):
    ids = [new_id() for _ in range(3)]
    assert api.place_orders(*map(order_args, ids)) == [["placed", id_] for id_ in ids]
    assert admin.xlen(EVENTS) == 1
    assert [change["order"] for change in changes_of(admin)] == ids
    assert admin.lrange(READY, 0, -1) == ids[::-1], "the first is taken first"
    assert admin.zrange(INDEX, 0, -1) == sorted(ids)
    check_invariant(admin)


def test_each_order_of_a_call_has_its_own_answer(api, admin):
    stored, again, late, broken, last = [new_id() for _ in range(5)]
    api.place(stored)
    admin.hset("idem:{s00}:hash", "a", "b")
    answers = api.place_orders(
        order_args(stored), order_args(again, key="k", fingerprint="f"),
        order_args(new_id(), key="k", fingerprint="f"), order_args(new_id(), key="k", fingerprint="g"),
        order_args(late, deadline=1), order_args(new_id(), restaurant="resto_0"),
        order_args(new_id(), item="Stone"), order_args(new_id(), user="0"),
        order_args(broken, key="hash", fingerprint="f"), order_args(last), order_args(last))
    assert answers[:8] == [["placed", stored], ["placed", again], ["replay", again], ["mismatch"], ["late"],
                           ["no_restaurant"], ["no_item"], ["no_user"]]
    assert answers[8][0] == "error" and "WRONGTYPE" in answers[8][1]
    assert answers[9:] == [["placed", last]] * 2
    assert admin.hget(COUNT, "placed") == "3"
    check_invariant(admin)


def test_a_call_that_stores_nothing_writes_nothing(api, admin):
    before = snapshot(admin)
    assert api.place_orders(order_args(new_id(), item="Stone")) == [["no_item"]]
    assert snapshot(admin) == before


def test_a_list_of_the_user_that_is_none_fails_no_order(api, admin):
    admin.set("user:{s00}:123:orders", "text")
    assert api.place(new_id(), user="123")[0] == "placed"
    check_invariant(admin)


@pytest.mark.parametrize("change", [lambda args: args[:-1], lambda args: args + [1], lambda args: [],
                                    lambda args: args[:-4] + ["some"] + args[-3:]])
def test_place_orders_refuses_what_is_malformed_before_its_first_write(api, admin, change):
    good, bad = order_args(new_id()), order_args(new_id())
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError):
        api.fcall("place_orders", [READY, INDEX, COUNT, EVENTS, *good[0], *bad[0]], 0,
                  *change(good[1] + bad[1]))
    assert snapshot(admin) == before


def test_time_is_redis_own(api, admin):
    id_ = new_id()
    before = admin.time()[0]
    api.place(id_)
    at = admin.hget(job_key(id_), "created_at")
    import datetime
    seconds = datetime.datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    assert before <= seconds + 0.001 and seconds <= admin.time()[0] + 1


def test_place_without_user_or_key_leaves_no_trace_of_them(api, admin):
    id_ = new_id()
    api.place(id_)
    assert "user_id" not in admin.hgetall(job_key(id_))
    assert not admin.exists("idem:{s00}:", "user:{s00}:", "user:{s00}::orders")
    # and a second one without a key is not a replay of the first
    assert api.place(new_id())[0] == "placed"
    assert admin.llen(READY) == 2


def test_place_is_idempotent_by_order_id(api, admin):
    id_ = new_id()
    api.place(id_)
    before = snapshot(admin)
    assert api.place(id_) == ["placed", id_]
    assert api.place(id_, deadline=1) == ["placed", id_], "stored is stored, however late we ask"
    assert snapshot(admin) == before


def test_a_repeat_writes_again(api, admin):
    """Or WAIT would speak, from Redis 8 on, for a write that it does not know of."""
    def writes(call):
        before = admin.info("persistence")["rdb_changes_since_last_save"]
        call()
        return admin.info("persistence")["rdb_changes_since_last_save"] - before
    first, update, key = new_id(), new_id("update"), "k" * 16
    api.place(first, key=key, fingerprint="f")
    api.accept_update(update, "Soup", key="u" * 16, fingerprint="f")
    assert writes(lambda: api.place(first)) == 1
    assert writes(lambda: api.place(new_id(), key=key, fingerprint="f")) == 1
    assert writes(lambda: api.accept_update(update, "Soup")) == 1
    assert writes(lambda: api.accept_update(new_id("update"), "Soup", key="u" * 16, fingerprint="f")) == 1
    api.cancel(first)
    assert writes(lambda: api.cancel(first)) == 1


def test_same_idempotency_key_same_order_is_a_replay(api, admin):
    first = new_id()
    api.place(first, key="key", fingerprint="f1")
    before = snapshot(admin)
    assert api.place(new_id(), key="key", fingerprint="f1") == ["replay", first]
    assert api.place(first, key="key", fingerprint="f1") == ["placed", first]
    assert snapshot(admin) == before


def test_same_idempotency_key_other_order_is_a_mismatch(api, admin):
    api.place(new_id(), key="key", fingerprint="f1")
    before = snapshot(admin)
    assert api.place(new_id(), item="Naan", key="key", fingerprint="f2") == ["mismatch"]
    assert snapshot(admin) == before


@pytest.mark.parametrize("arguments, answer", [
    ({"deadline": 1}, "late"),
    ({"restaurant": "resto_999"}, "no_restaurant"),
    ({"item": "curry"}, "no_item"),
    ({"item": ""}, "no_item"),
    ({"user": "999"}, "no_user"),
    ({"user": "999", "key": "key", "fingerprint": "f1"}, "no_user"),
    ({"deadline": 1, "user": "123", "key": "key", "fingerprint": "f1"}, "late"),
])
def test_what_place_refuses_stores_nothing(api, admin, arguments, answer):
    before = snapshot(admin)
    assert api.place(new_id(), **arguments) == [answer]
    assert snapshot(admin) == before


def test_a_refused_order_does_not_use_up_its_key(api):
    assert api.place(new_id(), item="Shoe", key="key", fingerprint="f1") == ["no_item"]
    assert api.place(new_id(), key="key", fingerprint="f2")[0] == "placed"


def test_a_user_has_the_last_ten_orders(api, admin):
    ids = [new_id() for _ in range(12)]
    for id_ in ids:
        api.place(id_, user="124")
    assert admin.lrange("user:{s00}:124:orders", 0, -1) == ids[:1:-1]


def test_accept_update_at_once_or_later(api, admin):
    now, later = new_id("update"), new_id("update")
    assert api.accept_update(now, "Hello") == ["accepted", now]
    assert api.accept_update(later, "World", delay=HOUR_MS) == ["accepted", later]
    assert admin.lrange(READY, 0, -1) == [now]
    (id_, due), = admin.zrange(DELAYED, 0, -1, withscores=True)
    assert id_ == later and due > admin.time()[0] * 1000 + HOUR_MS - 60000
    update = admin.hgetall(job_key(later))
    assert update.pop("accepted_at")
    assert update == {"id": later, "message": "World", "step": "broadcast", "epoch": "0"}
    assert admin.hgetall(COUNT) == {"updates_accepted": "2"}


def test_accept_update_replay_mismatch_late(api, admin):
    first = new_id("update")
    api.accept_update(first, key="key", fingerprint="f1")
    before = snapshot(admin)
    assert api.accept_update(first) == ["accepted", first]
    assert api.accept_update(new_id("update"), key="key", fingerprint="f1") == ["replay", first]
    assert api.accept_update(new_id("update"), key="key", fingerprint="f2") == ["mismatch"]
    assert api.accept_update(new_id("update"), deadline=1) == ["late"]
    assert snapshot(admin) == before


def test_accept_update_has_a_limit_that_publishing_frees(api, worker, admin):
    ids = [new_id("update") for _ in range(3)]
    for id_ in ids:
        assert api.accept_update(id_, limit=3)[0] == "accepted"
    before = snapshot(admin)
    assert api.accept_update(new_id("update"), limit=3) == ["full"]
    assert api.accept_update(ids[0], limit=3) == ["accepted", ids[0]], "a repeat is no new one"
    assert snapshot(admin) == before
    w = Worker(worker)
    worker.publish_update("w1", ids[0], w.claim(ids[0]))
    assert api.accept_update(new_id("update"), limit=3)[0] == "accepted"


def test_cancel_unknown(api):
    assert api.cancel(new_id()) == ["not_found"]


def test_cancel_before_anybody_took_it(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    assert api.cancel(id_) == ["cancelled"]
    before = snapshot(admin)
    assert api.cancel(id_) == ["cancelled"]
    assert snapshot(admin) == before
    # the job is where it was; the worker finds out at the intent, and nothing was ever charged
    w = Worker(worker)
    epoch = w.claim(id_)
    assert worker.intent("w1", id_, epoch, "pay") == ["cancelled"]
    assert worker.step("w1", id_, epoch, "payment", "not_charged") == ["settled", 3]
    order = admin.hgetall(job_key(id_))
    assert history(order)[1:] == [("cancelled", "pending", "pending"),
                                  ("cancelled", "not_charged", "cancelled")]
    assert "payment_key" not in order
    assert api.cancel(id_) == ["cancelled"]


def test_cancel_after_the_intent_pays_and_refunds(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    epoch = w.claim(id_)
    assert worker.intent("w1", id_, epoch, "pay") == ["ok", "pay"]
    assert api.cancel(id_) == ["cancelled"]
    assert worker.intent("w1", id_, epoch, "other") == ["ok", "pay"], "the charge is finished"
    before = snapshot(admin)
    with pytest.raises(Exception, match="does not fit"):
        worker.step("w1", id_, epoch, "payment", "not_charged")
    assert snapshot(admin) == before
    reply = worker.step("w1", id_, epoch, "payment")
    assert reply[:3] == ["held", 3, "refund"]
    check_invariant(admin)
    assert worker.step("w1", id_, reply[3], "refund") == ["settled", 4]
    assert history(admin.hgetall(job_key(id_)))[1:] == [
        ("cancelled", "pending", "pending"), ("cancelled", "paid", "pending"),
        ("cancelled", "refunded", "cancelled")]
    assert admin.hget(COUNT, "cancelled") == "1"


def test_cancel_after_the_intent_and_then_declined_owes_nothing(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    epoch = w.claim(id_)
    worker.intent("w1", id_, epoch, "pay")
    api.cancel(id_)
    assert worker.step("w1", id_, epoch, "payment", "declined") == ["settled", 3]
    assert history(admin.hgetall(job_key(id_)))[-1] == ("cancelled", "declined", "cancelled")


def test_cancel_between_payment_and_kitchen_goes_to_the_refund(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    reply = w.pay(id_)
    assert api.cancel(id_) == ["cancelled"]
    reply = worker.step("w1", id_, reply[3], "kitchen")
    assert reply[:3] == ["held", 3, "refund"], "nothing visible has changed yet"
    assert worker.step("w1", id_, reply[3], "refund") == ["settled", 4]
    assert history(admin.hgetall(job_key(id_)))[-1] == ("cancelled", "refunded", "cancelled")


def test_cancel_in_the_delayed_set_stays_there(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    worker.fail("w1", id_, w.claim(id_))
    assert api.cancel(id_) == ["cancelled"]
    assert admin.zrange(DELAYED, 0, -1) == [id_]


def test_cancel_is_too_late_once_the_kitchen_knows(api, worker, admin):
    id_ = new_id()
    api.place(id_)
    w = Worker(worker)
    reply = w.pay(id_)
    expected = "order_placed"
    while reply[0] == "held":
        reply = worker.step("w1", id_, reply[3], reply[2])
        before = snapshot(admin)
        assert api.cancel(id_) == ["too_late", expected]
        assert snapshot(admin) == before
        stages = ("order_placed",) + STAGES
        expected = stages[min(stages.index(expected) + 1, len(stages) - 1)]
    assert reply[0] == "settled"


def test_cancel_is_too_late_for_a_failed_payment_and_for_the_dead(api, worker):
    declined, dead = new_id(), new_id()
    api.place(declined)
    w = Worker(worker)
    w.pay(declined, "declined")
    assert api.cancel(declined) == ["too_late", "payment_failed"]
    api.place(dead)
    worker.fail("w1", dead, w.claim(dead), allowed=1)
    assert api.cancel(dead) == ["too_late", "needs_review"]


def test_library_version(api, worker):
    assert api.library_version() == worker.library_version() == api.ready() == "3"


def test_dead_updates_do_not_keep_the_living_out(api, worker, admin):
    w = Worker(worker)
    for n in range(10):
        id_ = new_id("update")
        assert api.accept_update(id_, limit=1) == ["accepted", id_], f"{n} are dead, none waits"
        if n == 0:
            assert api.accept_update(new_id("update"), limit=1) == ["full"], "one waits"
        assert worker.fail("w1", id_, w.claim(id_), allowed=1) == ["dead", 1]
    assert api.accept_update(new_id("update"), limit=1) == ["full"], "the dead have a bound too"
    assert Functions(admin).discard(id_)[0] == "discarded"
    assert api.accept_update(new_id("update"), limit=1)[0] == "accepted"


# ---- a queue that is too old ----------------------------------------------------------------

def make_older(admin, id_, ms):
    """As if it had been placed so much earlier."""
    admin.zincrby(INDEX, -ms, id_)


def test_an_old_queue_takes_no_orders(api, worker, admin):
    first, second = new_id(), new_id()
    assert api.place(first, age_limit=1000) == ["placed", first], "no order waits"
    make_older(admin, first, 900)
    assert api.place(second, key="key", fingerprint="f", age_limit=HOUR_MS) == ["placed", second]
    make_older(admin, first, 200)
    before = snapshot(admin)
    assert api.place(new_id(), age_limit=1000) == ["busy"]
    assert snapshot(admin) == before
    assert api.place(second, age_limit=1000) == ["placed", second], "what is stored is stored"
    assert api.place(new_id(), key="key", fingerprint="f", age_limit=1000) == ["replay", second]
    assert api.place(new_id(), age_limit=0)[0] == "placed", "any age"
    Worker(worker).claim(first)
    assert api.place(new_id(), age_limit=1000)[0] == "placed", "the oldest is under way"


def test_an_update_has_no_age(api, admin):
    assert api.accept_update(new_id("update"))[0] == "accepted"
    assert api.place(new_id(), age_limit=1)[0] == "placed"


def test_callers_of_version_2_place_one_and_give_no_age(api, admin):
    first, second = new_id(), new_id()
    api.place(first)
    make_older(admin, first, HOUR_MS)
    assert api.place_version2(second) == ["placed", second]
    assert api.place_version2(second) == ["placed", second], "again"
    assert api.place_version2(new_id(), item="Stone") == ["no_item"]
    with pytest.raises(redis.ResponseError):
        api.place_version2(new_id(), quantity="some")
    check_invariant(admin)
