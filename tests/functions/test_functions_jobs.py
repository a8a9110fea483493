"""The worker's functions: claims, fences, failures, and what happens to the dead."""
import json

import pytest
import redis

from functions_client import (CHAT_CHANNEL, CHAT_LOG, COUNT, DEAD, DELAYED, EVENTS, HOUR_MS,
                              KEEP_SECONDS, PULSE, READY, WORKERS, Functions, Worker, active_key,
                              check_invariant, heartbeat_key, history, job_key, new_id, snapshot)
from functions_server import DEADLINE_S


@pytest.fixture
def w1(worker):
    return Worker(worker, "w1")


@pytest.fixture
def w2(worker):
    return Worker(worker, "w2")


def placed(api, n=1):
    ids = [new_id() for _ in range(n)]
    for id_ in ids:
        api.place(id_)
    return ids


def die(admin, name):
    admin.delete(heartbeat_key(name))


# beat, take


def test_beat_registers_and_expires(worker, admin):
    assert worker.beat("w1", 600000) == ["ok"]
    assert admin.smembers(WORKERS) == {"w1"}
    assert 540000 < admin.pttl(heartbeat_key("w1")) <= 600000


def test_beat_tells_how_long_all_have_been_steady(worker, admin):
    word, steady, now = worker.beat_all("w1", 600000)
    assert (word, steady) == ("ok", 0) and 0 <= int(admin.time()[0]) - now // 1000 < 60
    assert list(map(int, admin.get(PULSE).split())) == [now, now, 0]

    def told(since_ago, last_ago):
        now = int(admin.time()[0]) * 1000
        admin.set(PULSE, f"{now - since_ago} {now - last_ago}")
        return worker.beat_all("w2", 600000)[1]
    assert 500000 <= told(500000, 200000) < 560000, "another worker's heartbeats count"
    assert 500000 <= told(500000, 240000) < 560000
    assert told(500000, 301001) == 0, "a gap of more than half a time to live"
    admin.set(PULSE, "nonsense")
    assert worker.beat_all("w1", 600000)[:2] == ["ok", 0]


def test_beat_notices_that_the_clock_was_set_back(api, worker, admin, w1):
    """What was put off until then by the clock of before is due at the same moment as ever."""
    id_ = new_id("update")
    api.accept_update(id_, delay=HOUR_MS + 60000)
    due = admin.zscore(DELAYED, id_)
    now = int(admin.time()[0]) * 1000
    admin.set(PULSE, f"{now - 50000 + HOUR_MS} {now + HOUR_MS}")
    assert worker.beat_all("w1", 60000)[:2] == ["ok", 0], "nobody's beats can be compared with these"
    assert 0 <= admin.zscore(DELAYED, id_) - (due - HOUR_MS) < 30000
    assert worker.beat_all("w1", 60000)[0] == "ok"
    assert 0 <= admin.zscore(DELAYED, id_) - (due - HOUR_MS) < 30000, "it is mended once"


def test_take_needs_a_registered_worker(api, worker, admin):
    placed(api)
    before = snapshot(admin)
    assert worker.take("stranger", 5) == ["unregistered"]
    assert snapshot(admin) == before


def test_take_nothing(worker, w1):
    assert worker.take("w1", 5) == [-1]


def test_take_ready_oldest_first_and_no_more_than_asked(api, worker, admin, w1):
    ids = placed(api, 5)
    assert worker.take("w1", 2) == [-1] + ids[:2]
    assert worker.take("w1", 10) == [-1] + ids[2:]
    assert admin.lrange(active_key("w1"), 0, -1) == ids[::-1]


def test_take_due_ones_first_then_ready_and_leaves_the_future(api, worker, admin, w1):
    ids = placed(api, 5)
    admin.ltrim(READY, 1, 0)
    admin.rpush(READY, ids[1], ids[0])
    admin.zadd(DELAYED, {ids[2]: 2000, ids[3]: 1000})
    future = admin.time()[0] * 1000 + HOUR_MS
    admin.zadd(DELAYED, {ids[4]: future})
    assert worker.take("w1", 1) == [0, ids[3]], "another one is due now"
    reply = worker.take("w1", 10)
    assert reply[1:] == [ids[2], ids[0], ids[1]]
    assert HOUR_MS - 60000 < reply[0] <= HOUR_MS


def test_take_zero_takes_nothing(api, worker, admin, w1):
    ids = placed(api, 2)
    admin.lrem(READY, 1, ids[0])
    admin.zadd(DELAYED, {ids[0]: 1})
    assert worker.take("w1", 0) == [0]
    assert admin.llen(active_key("w1")) == 0


@pytest.mark.parametrize("n", [0, 1, 5])
def test_take_gives_nothing_while_paused_and_all_of_it_afterwards(api, worker, admin, w1, n):
    held, ready, due = placed(api, 3)
    epoch = w1.take(1) and w1.begin(held)
    admin.lrem(READY, 1, due)
    admin.zadd(DELAYED, {due: 1})
    people = Functions(admin)
    assert people.pause() == ["paused"]
    before = snapshot(admin)
    assert worker.take("w1", n) == [-1]
    assert worker.take("stranger", n) == ["unregistered"]
    assert snapshot(admin) == before
    assert w1.finish(held, w1.charge(held, epoch)) == ["settled", 7], "what is held is finished"
    assert people.resume() == ["resumed"]
    assert worker.take("w1", 5) == [-1, due, ready]


def test_blmove_wakes_and_moves_nothing(api, server, admin):
    id_, = placed(api)
    client = server.client("worker")
    assert client.blmove(READY, READY, 1, "RIGHT", "RIGHT") == id_
    assert admin.lrange(READY, 0, -1) == [id_]


# begin, intent, fences


def test_begin_raises_the_epoch_and_tells_all(api, worker, w1):
    id_, = placed(api)
    w1.take()
    assert worker.begin("w1", id_) == ["begun", 1, "payment", 0, "order_placed", 1250, "USD", ""]
    worker.intent("w1", id_, 1, "pay")
    assert worker.begin("w1", id_) == ["begun", 2, "payment", 0, "order_placed", 1250, "USD", "pay"]


def test_begin_an_update(api, worker, w1):
    id_ = new_id("update")
    api.accept_update(id_)
    w1.take()
    assert worker.begin("w1", id_) == ["begun", 1, "broadcast", 0, "", 0, "", ""]


def test_begin_what_is_not_in_my_list(api, worker, admin, w1, w2):
    id_, = placed(api)
    before = snapshot(admin)
    assert worker.begin("w1", id_) == ["gone"]
    assert snapshot(admin) == before
    w1.take()
    assert worker.begin("w2", id_) == ["gone"]


def test_begin_cleans_up_after_a_job_that_no_longer_exists(worker, admin, w1):
    id_ = new_id("update")
    admin.lpush(active_key("w1"), id_)
    assert worker.begin("w1", id_) == ["gone"]
    assert admin.llen(active_key("w1")) == 0


def test_the_payment_key_never_changes(api, worker, admin, w1):
    id_, = placed(api)
    epoch = w1.claim(id_)
    assert worker.intent("w1", id_, epoch, "first") == ["ok", "first"]
    assert worker.intent("w1", id_, epoch, "second") == ["ok", "first"]
    epoch = w1.begin(id_)
    assert worker.intent("w1", id_, epoch, "third") == ["ok", "first"]
    assert admin.hget(job_key(id_), "payment_key") == "first"


def every_write(worker, name, id_, epoch):
    return [worker.intent(name, id_, epoch, "other"), worker.step(name, id_, epoch, "payment"),
            worker.fail(name, id_, epoch), worker.publish_update(name, id_, epoch)]


def test_an_old_epoch_is_fenced(api, worker, admin, w1):
    id_, = placed(api)
    old = w1.claim(id_)
    w1.begin(id_)
    before = snapshot(admin)
    assert every_write(worker, "w1", id_, old) == [["fenced"]] * 4
    assert every_write(worker, "w1", id_, "") == [["fenced"]] * 4
    assert snapshot(admin) == before


def test_a_job_in_another_list_is_fenced(api, worker, admin, w1, w2):
    id_, = placed(api)
    epoch = w1.claim(id_)
    before = snapshot(admin)
    assert every_write(worker, "w2", id_, epoch) == [["fenced"]] * 4
    assert snapshot(admin) == before


def test_after_reaping_the_old_holder_is_fenced(api, worker, admin, w1, w2):
    id_, = placed(api)
    old = w1.claim(id_)
    die(admin, "w1")
    assert worker.reap("w1", [id_]) == ["reaped", 1, 0]
    assert every_write(worker, "w1", id_, old) == [["fenced"]] * 4
    new = w2.claim(id_)
    before = snapshot(admin)
    assert every_write(worker, "w1", id_, old) == [["fenced"]] * 4
    assert every_write(worker, "w2", id_, old) == [["fenced"]] * 4
    assert worker.begin("w1", id_) == ["gone"]
    assert snapshot(admin) == before
    assert w2.charge(id_, new)[0] == "held"


# step


def test_step_must_be_the_one_the_order_is_at(api, worker, admin, w1):
    id_, = placed(api)
    epoch = w1.claim(id_)
    before = snapshot(admin)
    for wrong in ("kitchen", "delivered", "settled", "refund", ""):
        with pytest.raises(redis.ResponseError, match="step is payment"):
            worker.step("w1", id_, epoch, wrong)
    for wrong in ("", "not_charged", "paid"):
        with pytest.raises(redis.ResponseError, match="does not fit"):
            worker.step("w1", id_, epoch, "payment", wrong)
    assert snapshot(admin) == before


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize("result", ["ok", "declined"])
def test_nobody_has_paid_before_an_intent(api, worker, admin, w1, result, is_cancelled):
    id_, = placed(api)
    epoch = w1.claim(id_)
    if is_cancelled:
        api.cancel(id_)
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError, match=f"result {result} does not fit step payment"):
        worker.step("w1", id_, epoch, "payment", result)
    assert snapshot(admin) == before


def test_later_steps_know_no_result_but_ok(api, worker, admin, w1):
    id_, = placed(api)
    reply = w1.pay(id_)
    while reply[0] == "held":
        before = snapshot(admin)
        with pytest.raises(redis.ResponseError, match="does not fit"):
            worker.step("w1", id_, reply[3], reply[2], "declined")
        assert snapshot(admin) == before
        reply = worker.step("w1", id_, reply[3], reply[2])


def test_step_with_a_wait_puts_the_job_into_the_delayed_set(api, worker, admin, w1):
    id_, = placed(api)
    epoch = w1.claim(id_)
    assert w1.charge(id_, epoch, wait=HOUR_MS) == ["delayed", 2, "kitchen"]
    (found, due), = admin.zrange(DELAYED, 0, -1, withscores=True)
    assert found == id_ and due > admin.time()[0] * 1000 + HOUR_MS - 60000
    assert worker.step("w1", id_, epoch, "kitchen") == ["fenced"]


def test_a_refund_does_not_wait(api, worker, w1):
    early, late = placed(api, 2)
    w1.take(2)
    epoch = w1.begin(early)
    worker.intent("w1", early, epoch, "pay")
    api.cancel(early)
    assert worker.step("w1", early, epoch, "payment", wait=HOUR_MS) == ["held", 3, "refund", 2]
    epoch = w1.charge(late, w1.begin(late))[3]
    api.cancel(late)
    assert worker.step("w1", late, epoch, "kitchen", wait=HOUR_MS)[:3] == ["held", 3, "refund"]


def test_step_held_gives_a_new_epoch(api, worker, w1):
    id_, = placed(api)
    epoch = w1.claim(id_)
    reply = w1.charge(id_, epoch)
    assert reply == ["held", 2, "kitchen", epoch + 1]
    assert worker.step("w1", id_, epoch, "kitchen") == ["fenced"], "a repeat of a lost reply"


def test_declined_settles(api, worker, admin, w1):
    id_, = placed(api)
    assert w1.pay(id_, "declined") == ["settled", 2]
    order = admin.hgetall(job_key(id_))
    assert history(order)[-1] == ("payment_failed", "declined", "cancelled")
    assert 0 < admin.ttl(job_key(id_)) <= KEEP_SECONDS
    assert admin.hgetall(COUNT) == {"placed": "1", "settled": "1", "payment_failed": "1"}
    assert w1.take() == []


def test_progress_forgets_tries_and_crashes(api, worker, admin, w1):
    id_, = placed(api)
    worker.fail("w1", id_, w1.claim(id_), wait=0)
    assert w1.claim(id_)
    die(admin, "w1")
    worker.reap("w1", [id_])
    w1.do.beat("w1")
    reply = w1.pay(id_)
    assert reply[0] == "held"
    assert admin.hmget(job_key(id_), "tries", "crashes") == [None, None]


# fail


def test_fail_is_tried_again_and_then_dead(api, worker, admin, w1):
    id_, = placed(api)
    for tries in (1, 2):
        assert worker.fail("w1", id_, w1.claim(id_), wait=0, allowed=3) == ["delayed", tries]
        check_invariant(admin)
    assert w1.take() == [id_]
    epoch, tries = w1.do.begin("w1", id_)[1:4:2]
    assert tries == 2
    assert worker.fail("w1", id_, epoch, allowed=3, reason="gateway silent") == ["dead", 3]
    order = admin.hgetall(job_key(id_))
    assert history(order) == [("order_placed", "pending", "pending"),
                              ("needs_review", "pending", "pending")]
    assert order["step"] == "payment" and order["resume_status"] == "order_placed"
    assert order["dead_reason"] == "gateway silent"
    assert admin.zrange(DEAD, 0, -1) == [id_] and admin.ttl(job_key(id_)) == -1
    assert admin.hgetall(COUNT) == {"placed": "1"}, "not settled"
    assert w1.take() == []


def test_a_failure_does_not_show(api, worker, admin, w1):
    id_, = placed(api)
    worker.fail("w1", id_, w1.claim(id_))
    assert admin.hget(job_key(id_), "version") == "1"
    assert admin.xlen(EVENTS) == 1


def test_a_dead_order_remembers_that_it_was_cancelled(api, worker, admin, w1):
    id_, = placed(api)
    reply = w1.pay(id_)
    api.cancel(id_)
    reply = worker.step("w1", id_, reply[3], "kitchen")
    worker.fail("w1", id_, reply[3], allowed=1)
    order = admin.hgetall(job_key(id_))
    assert (order["step"], order["resume_status"], order["status"]) == \
        ("refund", "cancelled", "needs_review")


def test_an_update_can_die_too(api, worker, admin, w1):
    id_ = new_id("update")
    api.accept_update(id_)
    assert worker.fail("w1", id_, w1.claim(id_), allowed=1) == ["dead", 1]
    assert admin.zrange(DEAD, 0, -1) == [id_]
    assert admin.xlen(EVENTS) == 0 and not admin.hexists(job_key(id_), "status")


# publish_update


def test_publish_update_appends_publishes_acknowledges(api, worker, admin, server, w1):
    listener = server.client("ws").pubsub(ignore_subscribe_messages=True)
    listener.subscribe(CHAT_CHANNEL)
    listener.get_message(timeout=DEADLINE_S)
    texts = ["Hello", 'quotes " and \\ / slashes', "Grüße 🍜"]
    ids = [new_id("update") for _ in texts]
    for id_, text in zip(ids, texts):
        api.accept_update(id_, text)
    assert w1.take(10) == ids
    for n, (id_, text) in enumerate(zip(ids, texts), 1):
        epoch = w1.begin(id_)
        assert worker.publish_update("w1", id_, epoch) == ["published", n]
        message = json.loads(listener.get_message(timeout=DEADLINE_S)["data"])
        at = message.pop("at")
        assert message == {"id": n, "type": "update", "text": text}
        assert admin.xrange(CHAT_LOG)[-1] == \
            (f"{n}-0", {"type": "update", "text": text, "at": at})
        assert worker.publish_update("w1", id_, epoch) == ["fenced"]
        assert 0 < admin.ttl(job_key(id_)) <= 60
    assert listener.get_message(timeout=0.05) is None
    assert admin.hmget(COUNT, "chat_messages", "updates_published") == ["3", "3"]
    listener.close()


def test_a_late_repeat_of_a_published_update_changes_nothing(api, worker, admin, w1):
    id_ = new_id("update")
    api.accept_update(id_)
    worker.publish_update("w1", id_, w1.claim(id_))
    assert api.accept_update(id_) == ["accepted", id_]
    assert admin.llen(READY) == 0


# reap, leave


def test_the_living_are_not_reaped(api, worker, admin, w1):
    id_, = placed(api)
    w1.claim(id_)
    before = snapshot(admin)
    assert worker.reap("w1", [id_]) == ["alive"]
    assert snapshot(admin) == before


def test_reap_gives_back_at_the_taking_end(api, worker, admin, w1, w2):
    ids = placed(api, 4)
    assert w1.take(2) == ids[:2]
    die(admin, "w1")
    assert worker.reap("w1", ids[:1]) == ["reaped", 1, 1]
    assert admin.sismember(WORKERS, "w1"), "something is left"
    assert worker.reap("w1", ids[1:2]) == ["reaped", 1, 0]
    assert admin.smembers(WORKERS) == {"w2"}
    assert set(w2.take(2)) == set(ids[:2])
    assert admin.hget(job_key(ids[0]), "crashes") == "1"
    assert worker.reap("w1", ids[:2]) == ["reaped", 0, 0], "again: they are not in that list"


def test_reap_names_only_what_it_saw(api, worker, admin, w1, w2):
    mine, other = placed(api, 2)
    assert w2.take(1) == [mine] and w1.take(1) == [other]
    die(admin, "w1")
    assert worker.reap("w1", [mine, other, new_id()]) == ["reaped", 1, 0]
    assert admin.lrange(active_key("w2"), 0, -1) == [mine]


def test_reaped_worker_is_a_stranger(api, worker, admin, w1):
    placed(api)
    die(admin, "w1")
    assert worker.reap("w1", []) == ["reaped", 0, 0]
    assert worker.take("w1", 1) == ["unregistered"]


def test_a_job_that_kills_its_workers_is_dead_at_the_limit(api, worker, admin):
    id_, = placed(api)
    for crash in range(1, 4):
        w = Worker(worker, f"w{crash}")
        w.claim(id_)
        die(admin, w.name)
        assert worker.reap(w.name, [id_], allowed=3) == ["reaped", 1, 0]
        check_invariant(admin)
    assert admin.zrange(DEAD, 0, -1) == [id_]
    order = admin.hgetall(job_key(id_))
    assert order["status"] == "needs_review" and order["dead_reason"] == "its workers keep dying"
    assert admin.llen(READY) == 0


def test_reap_drops_what_no_longer_exists(worker, admin, w1):
    id_ = new_id("update")
    admin.lpush(active_key("w1"), id_)
    die(admin, "w1")
    assert worker.reap("w1", [id_]) == ["reaped", 0, 0]
    assert admin.llen(READY) == 0


def test_leave_gives_back_without_blame(api, worker, admin, w1, w2):
    ids = placed(api, 3)
    w1.take(3)
    old = w1.begin(ids[0])
    assert worker.leave("w1", ids[:2]) == ["left", 2, 1]
    assert admin.sismember(WORKERS, "w1") and admin.exists(heartbeat_key("w1"))
    check_invariant(admin)
    assert worker.leave("w1", ids[2:]) == ["left", 1, 0]
    assert not admin.sismember(WORKERS, "w1") and not admin.exists(heartbeat_key("w1"))
    assert admin.hget(job_key(ids[0]), "crashes") is None
    assert worker.step("w1", ids[0], old, "payment") == ["fenced"]
    assert set(w2.take(3)) == set(ids)
