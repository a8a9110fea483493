"""begin_jobs and step_jobs: several jobs in one call, each with an answer of its own; and workers of
library version 2, whose active place is a list, beside those of today."""
import pytest
import redis

import functions_client as fc
from functions_client import STAGES, job_key, new_id

GONE, FENCED = ["gone"], ["fenced"]


def placed(api, n):
    ids = [new_id() for _ in range(n)]
    for id_ in ids:
        assert api.place(id_) == ["placed", id_]
    return ids


@pytest.fixture
def w1(worker):
    worker.beat("w1")
    return worker


def claimed(api, w1, n):
    ids = placed(api, n)
    assert w1.claim("w1", n) == [-1, *ids]
    return ids


def begun(api, w1, n):
    ids = claimed(api, w1, n)
    answers = w1.begin_jobs("w1", *((id_, "pay_" + id_) for id_ in ids))
    assert [answer[:3] for answer in answers] == [["begun", 1, "payment"]] * n
    return ids


# what a worker holds


def test_a_claim_is_an_entry_without_an_epoch(api, w1, admin):
    ids = claimed(api, w1, 3)
    assert admin.hgetall(fc.active_key("w1")) == dict.fromkeys(ids, "-")
    assert sorted(w1.active("w1", "range", 0, -1)) == sorted(ids)
    assert len(w1.active("w1", "range", -2, -1)) == 2
    looker = fc.Functions(admin)
    assert looker.active("w1", "length") == 3
    assert [len(looker.active("w1", "find", id_)) for id_ in (ids[0], "order_x")] == [1, 0]


def test_nothing_can_be_written_before_begin(api, w1, admin):
    id_, = claimed(api, w1, 1)
    before = fc.snapshot(admin)
    for epoch in ("-", "0", "1", ""):
        assert w1.step_jobs("w1", (id_, epoch, "payment", "ok", 0)) == [FENCED]
        assert w1.fail("w1", id_, epoch) == FENCED
    assert fc.snapshot(admin) == before


def test_claim_takes_what_is_due_before_what_is_ready(api, w1, admin):
    ids = placed(api, 3)
    admin.lrem(fc.READY, 1, ids[2])
    admin.zadd(fc.DELAYED, {ids[2]: 1})
    assert w1.claim("w1", 2) == [-1, ids[2], ids[0]]
    assert w1.claim("stranger", 2) == ["unregistered"]
    assert w1.claim("w1", 2, 1) == ["late"]
    fc.Functions(admin).pause()
    assert w1.claim("w1", 2) == [-1]


# begin_jobs


def test_begin_stores_the_payment_key_once(api, w1, admin):
    id_, = begun(api, w1, 1)
    assert admin.hget(job_key(id_), "payment_key") == "pay_" + id_
    assert w1.begin_jobs("w1", (id_, "other")) == [
        ["begun", 2, "payment", 0, "order_placed", 1250, "USD", "pay_" + id_]]
    assert admin.hgetall(fc.active_key("w1")) == {id_: "2"}


def test_what_was_cancelled_gets_no_key(api, w1, admin):
    id_, = claimed(api, w1, 1)
    assert api.cancel(id_) == ["cancelled"]
    assert w1.begin_jobs("w1", (id_, "pay"))[0][4:] == ["cancelled", 1250, "USD", ""]
    assert not admin.hexists(job_key(id_), "payment_key")
    assert w1.step_jobs("w1", (id_, 1, "payment", "not_charged", 0)) == [["settled", 3]]


def test_each_job_has_its_own_answer_to_begin(api, w1, admin):
    first, settled, broken, last = claimed(api, w1, 4)
    update, elsewhere = new_id("update"), new_id()
    api.accept_update(update)
    w1.claim("w1", 1)
    api.place(elsewhere)
    admin.hset(job_key(settled), "step", "settled")
    kept = admin.hgetall(job_key(broken))
    admin.delete(job_key(broken))
    admin.set(job_key(broken), "no hash")
    answers = w1.begin_jobs("w1", *((i, "pay") for i in (first, settled, broken, elsewhere,
                                                         "order_unknown", update, last)))
    assert [answer[0] for answer in answers] == ["begun", "gone", "error", "gone", "gone", "begun",
                                                 "begun"]
    assert answers[2][1].startswith("WRONGTYPE")
    assert answers[5] == ["begun", 1, "broadcast", 0, "", 0, "", ""]
    assert settled not in admin.hkeys(fc.active_key("w1")), "nobody's any more"
    assert admin.hget(fc.active_key("w1"), broken) == "-"
    admin.delete(job_key(broken))
    admin.hset(job_key(broken), mapping=kept)
    admin.hset(job_key(settled), "step", "payment")
    admin.lpush(fc.READY, settled)


# step_jobs


def test_a_life_by_batches(api, w1, admin):
    ids = begun(api, w1, 3)
    for step in ("payment", "kitchen", *STAGES):
        answers = w1.step_jobs("w1", *((id_, 1, step, "ok", 0) for id_ in ids))
        assert len({tuple(answer) for answer in answers}) == 1
        fc.check_invariant(admin)
    assert answers == [["settled", 7]] * 3
    assert admin.hgetall(fc.COUNT) == {"placed": "3", "settled": "3", "delivered": "3"}
    assert not admin.exists(fc.active_key("w1"))
    for id_ in ids:
        assert 0 < admin.ttl(job_key(id_)) <= fc.KEEP_SECONDS
        assert len(fc.history(admin.hgetall(job_key(id_)))) == 7


def test_each_job_has_its_own_answer_to_step(api, w1, admin):
    held, late, wrong, misfit, apart = begun(api, w1, 5)
    answers = w1.step_jobs("w1", (held, 1, "payment", "ok", 0), (late, 0, "payment", "ok", 0),
                           ("order_unknown", 1, "payment", "ok", 0),
                           (wrong, 1, "kitchen", "ok", 0), (misfit, 1, "payment", "paid", 0),
                           (apart, 1, "payment", "ok", fc.HOUR_MS))
    assert answers == [["held", 2, "kitchen"], FENCED, FENCED,
                       ["error", "TIFFIN step is payment, not kitchen"],
                       ["error", "TIFFIN result paid does not fit step payment"],
                       ["delayed", 2, "kitchen"]]
    assert admin.hgetall(fc.active_key("w1")) == dict.fromkeys((held, late, wrong, misfit), "1")
    assert admin.zrange(fc.DELAYED, 0, -1) == [apart]


def test_the_changes_of_one_call_are_one_event(api, w1, admin):
    first, late, second = begun(api, w1, 3)
    n = admin.xlen(fc.EVENTS)
    w1.step_jobs("w1", (first, 1, "payment", "ok", 0), (late, 0, "payment", "ok", 0),
                 (second, 1, "payment", "declined", 0))
    (_, event), = admin.xrevrange(fc.EVENTS, count=1)
    assert admin.xlen(fc.EVENTS) == n + 1
    at = admin.hget(job_key(first), "v2").split(" ")[3]
    assert event == {"at": at, "changes": f"{first} 2 order_placed paid pending\n"
                                          f"{second} 2 payment_failed declined cancelled"}
    assert admin.hget(job_key(second), "v2") == f"payment_failed declined cancelled {at}"


def test_a_call_that_changes_nothing_visible_is_no_event(api, w1, admin):
    id_, = begun(api, w1, 1)
    w1.step_jobs("w1", (id_, 1, "payment", "ok", 0))
    api.cancel(id_)
    n = admin.xlen(fc.EVENTS)
    assert w1.step_jobs("w1", (id_, 1, "kitchen", "ok", 0)) == [["held", 3, "refund"]]
    assert admin.xlen(fc.EVENTS) == n


def test_a_repeated_step_changes_nothing(api, w1, admin):
    """Its answer was lost, say, and the epoch is the same as before."""
    id_, = begun(api, w1, 1)
    assert w1.step_jobs("w1", (id_, 1, "payment", "ok", 0)) == [["held", 2, "kitchen"]]
    before = fc.snapshot(admin)
    assert w1.step_jobs("w1", (id_, 1, "payment", "ok", 0)) == [
        ["error", "TIFFIN step is kitchen, not payment"]]
    assert fc.snapshot(admin) == before


def test_progress_forgets_tries_and_crashes(api, w1, admin):
    id_, = begun(api, w1, 1)
    admin.hset(job_key(id_), mapping={"tries": 3, "crashes": 2})
    w1.step_jobs("w1", (id_, 1, "payment", "ok", 0))
    assert admin.hmget(job_key(id_), "tries", "crashes") == [None, None]


@pytest.mark.parametrize("change", [
    lambda call: call[:-1], lambda call: call + [1],
    lambda call: call[:-1] + ["soon"], lambda call: call[:-1] + [-1],
    lambda call: call[:-5] + call[-10:-5],  # the same job twice
    lambda call: ["long"] + call[1:], lambda call: []])
def test_step_jobs_refuses_what_is_malformed_before_its_first_write(api, w1, admin, change):
    ids = begun(api, w1, 2)
    keys = [fc.active_key("w1"), fc.DELAYED, fc.EVENTS, fc.COUNT, fc.FACTS, *map(job_key, ids)]
    call = [60] + [x for id_ in ids for x in (id_, 1, "payment", "ok", 0)]
    before = fc.snapshot(admin)
    with pytest.raises(redis.ResponseError):
        w1.fcall("step_jobs", keys, *change(call))
    assert fc.snapshot(admin) == before
    assert w1.fcall("step_jobs", keys, *call) == [["held", 2, "kitchen"]] * 2


@pytest.mark.parametrize("args", [(), ("x",), ("x", "pay", "y")])
def test_begin_jobs_refuses_a_key_without_its_arguments(api, w1, admin, args):
    id_, = claimed(api, w1, 1)
    before = fc.snapshot(admin)
    with pytest.raises(redis.ResponseError, match="two arguments per job key"):
        w1.fcall("begin_jobs", [fc.active_key("w1"), fc.DEAD, fc.EVENTS, job_key(id_)], *args)
    assert fc.snapshot(admin) == before


# given back, and taken over


def test_reap_and_leave_empty_a_hash(api, w1, admin):
    ids = begun(api, w1, 4)
    assert w1.leave("w1", ids[:1]) == ["left", 1, 3]
    admin.delete(fc.heartbeat_key("w1"))
    assert w1.reap("w1", ids[1:3]) == ["reaped", 2, 1]
    assert w1.reap("w1", [*ids, "order_unknown"]) == ["reaped", 1, 0]
    assert not admin.exists(fc.active_key("w1"))
    assert w1.step_jobs("w1", *((id_, 1, "payment", "ok", 0) for id_ in ids)) == [FENCED] * 4
    w1.beat("w2")
    assert sorted(w1.claim("w2", 9)[1:]) == sorted(ids)
    assert w1.begin_jobs("w2", (ids[0], "other"))[0][7] == "pay_" + ids[0], "never a new key"


# library version 2


def test_what_a_worker_of_the_version_before_held_is_reaped_by_one_of_today(api, w1, admin):
    """After an upgrade there is a list, and nobody of its kind: nothing has to be carried over."""
    ids = placed(api, 3)
    old = fc.Worker(w1, "old")
    assert old.take(3) == ids
    epoch = old.begin(ids[0])
    w1.intent("old", ids[0], epoch, "pay_old")
    admin.delete(fc.heartbeat_key("old"))
    assert sorted(w1.active("old", "range", -100, -1)) == sorted(ids)
    assert w1.reap("old", w1.active("old", "range", -100, -1)) == ["reaped", 3, 0]
    assert not admin.sismember(fc.WORKERS, "old")
    assert w1.claim("w1", 3)[1:] and w1.begin_jobs("w1", (ids[0], "new"))[0][7] == "pay_old"
    assert w1.step("old", ids[0], epoch, "payment") == FENCED


def test_old_and_new_hand_jobs_to_each_other(api, w1, admin):
    id_, = begun(api, w1, 1)
    assert w1.step_jobs("w1", (id_, 1, "payment", "ok", 0)) == [["held", 2, "kitchen"]]
    old = fc.Worker(w1, "old")
    assert w1.begin("old", id_) == GONE
    assert w1.leave("w1", [id_]) == ["left", 1, 0]
    w1.beat("w1")
    assert old.take() == [id_]
    epoch = old.begin(id_)
    assert w1.step_jobs("w1", (id_, epoch, "kitchen", "ok", 0)) == [FENCED]
    assert w1.step("old", id_, epoch, "kitchen", wait=1)[0] == "delayed"
    admin.zadd(fc.DELAYED, {id_: 1})
    assert w1.claim("w1", 1)[1:] == [id_]
    new_epoch = w1.begin_jobs("w1", (id_, "x"))[0][1]
    assert new_epoch > epoch
    assert w1.step("old", id_, epoch, "preparing_food") == FENCED
    assert w1.step_jobs("w1", (id_, new_epoch, "preparing_food", "ok", 0)) == [
        ["held", 4, "quality_check"]]


def test_a_reaper_of_the_version_before_leaves_a_hash_alone(api, w1, admin):
    """It asks for a list: an error, before anything is moved or unregistered."""
    ids = begun(api, w1, 2)
    admin.delete(fc.heartbeat_key("w1"))
    old = fc.Functions(w1.redis)
    assert old.reap("w1", []) == ["reaped", 0, 2]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        old.redis.lrange(fc.active_key("w1"), -100, -1)
    assert admin.hlen(fc.active_key("w1")) == len(ids) and admin.sismember(fc.WORKERS, "w1")
