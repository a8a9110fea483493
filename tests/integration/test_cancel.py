"""Cancel: what it means depends on how far the order has come; money always comes out even."""
import concurrent.futures

import pytest

import shapes
from shapes import check_json, check_problem
from tiffin_store import GOOD_LIFE

# So long that a cancel comes in time; each test waits for one of them only.
SLOW_PAYMENT, SLOW_KITCHEN = {"PAYMENT_MS": 3000}, {"KITCHEN_MS": 3000}


def cancel(http, id_):
    return http.post(f"/order/{id_}/cancel")


def test_before_anyone_asked_for_money(http, store, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        answer = cancel(http, id_)
        order = check_json(answer, 200, shapes.ORDER)
        assert order["status"] == "cancelled" and order["version"] == 2
        assert answer.headers["ETag"] == '"2"'
        assert store.redis.lrange("jobs:{s00}:ready", 0, -1) == [id_], "its job stays where it is"
    store.wait_settled([id_])
    assert store.history(id_) == [GOOD_LIFE[0], ("cancelled", "pending", "pending"),
                                  ("cancelled", "not_charged", "cancelled")]
    assert store.ledger(id_) == {}


def test_while_the_charge_is_under_way(http, store, stack):
    with stack.only_worker(**SLOW_PAYMENT):
        id_ = http.place().json["order_id"]
        store.wait_field(id_, "payment_key")
        assert cancel(http, id_).json["status"] == "cancelled"
        store.wait_settled([id_])
    assert store.history(id_) == [GOOD_LIFE[0], ("cancelled", "pending", "pending"),
                                  ("cancelled", "paid", "pending"),
                                  ("cancelled", "refunded", "cancelled")]
    ledger = store.ledger(id_)
    assert (ledger["captures"], ledger["refunds"]) == ("1", "1"), \
        "an intent means: finish the charge, then give it back"


def test_after_the_charge_before_the_kitchen(http, store, stack):
    with stack.only_worker(**SLOW_KITCHEN):
        id_ = http.place().json["order_id"]
        with http.live(id_) as stream:
            stream.wait_for(payment_status="paid")
            order = cancel(http, id_).json
            assert (order["status"], order["payment_status"]) == ("cancelled", "paid")
            assert stream.wait_for(status="cancelled").json["payment_status"] == "paid"
            assert stream.wait_for(payment_status="refunded").json["kitchen_status"] == "cancelled"
            end = stream.next_event()
            assert end.type == "end" and end.json == {"status": "cancelled"}
            assert stream.next_event() is None
    ledger = store.ledger(id_)
    assert (ledger["captures"], ledger["refunds"]) == ("1", "1")


def test_too_late(http, store, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        with http.live(id_) as stream:
            stream.next_event()
            with stack.own_worker(STAGE_MIN_MS=300, STAGE_MAX_MS=300):
                stream.wait_for(kitchen_status="acknowledged", status="order_placed")
                check_problem(cancel(http, id_), 409)
                stream.wait_for(status="preparing_food")
                check_problem(cancel(http, id_), 409)
    store.wait_settled([id_])
    check_problem(cancel(http, id_), 409)
    assert http.order(id_)["status"] == "delivered"
    assert "refunds" not in store.ledger(id_)


def test_again_is_the_same(http, store, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        first, second = cancel(http, id_), cancel(http, id_)
        assert first.status == second.status == 200 and first.json == second.json
    store.wait_settled([id_])
    settled = cancel(http, id_)
    assert settled.status == 200 and settled.json == http.order(id_)


def test_many_at_once_are_one(http, store, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: cancel(http, id_), range(20)))
        assert {answer.status for answer in answers} == {200}
        assert {answer.json["version"] for answer in answers} == {2}
    store.wait_settled([id_])


def test_unknown(http):
    check_problem(cancel(http, "order_00" + "b" * 20), 404, "Order not found")


def test_payment_failed(http, store, stack):
    with stack.only_worker(PAYMENT_DECLINE_PCT=100):
        id_ = http.place().json["order_id"]
        store.wait_settled([id_])
    check_problem(cancel(http, id_), 409)


def test_from_another_site(http, store, stack):
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        answer = http.post(f"/order/{id_}/cancel", headers={"Sec-Fetch-Site": "cross-site"})
        check_problem(answer, 403)
    assert store.wait_settled([id_])[id_]["status"] == "delivered"


@pytest.mark.parametrize("round_", range(3))
def test_whoever_wins_the_race_the_money_is_even(http, store, round_):
    """Cancels that meet every step of a worker at full speed."""
    ids = [http.place().json["order_id"] for _ in range(24)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda id_: cancel(http, id_), ids))
    orders = store.wait_settled(ids)
    for id_, answer in zip(ids, answers):
        assert answer.status in (200, 409), answer
        assert orders[id_]["status"] == ("cancelled" if answer.status == 200 else "delivered")
