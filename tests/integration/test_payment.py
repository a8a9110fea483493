"""The gateway's fault injection: declined, failing, silent. Whatever it does, money moves at most once."""
from shapes import check_problem
from tiffin_store import GOOD_LIFE


def test_declined(http, store, stack):
    with stack.only_worker(PAYMENT_DECLINE_PCT=100):
        id_ = http.place(user_id="126").json["order_id"]
        with http.live(id_) as stream:
            event = stream.wait_for(status="payment_failed")
            assert event.json["payment_status"] == "declined"
            end = stream.next_event()
            assert (end.type, end.json) == ("end", {"status": "payment_failed"})
    store.wait_settled([id_])
    assert store.history(id_) == [GOOD_LIFE[0], ("payment_failed", "declined", "cancelled")]
    ledger = store.ledger(id_)
    assert ledger["result"] == "declined" and "captures" not in ledger
    check_problem(http.post(f"/order/{id_}/cancel"), 409)
    assert http.get("/users/126/dashboard").json["orders"][0]["status"] == "payment_failed"


def test_errors_and_lost_replies_are_tried_again_under_the_same_key(http, store, stack):
    with stack.only_worker(PAYMENT_ERROR_PCT=100):
        error = http.place(item="Naan").json["order_id"]
        store.wait_field(error, "tries")
        error_key = store.order(error)["payment_key"]
        assert store.ledger(error) == {}, "the gateway never got that far"
    with stack.only_worker(PAYMENT_LOST_REPLY_PCT=100):
        lost = http.place().json["order_id"]
        store.wait_field(lost, "tries")
        lost_key = store.order(lost)["payment_key"]
        assert store.ledger(lost)["captures"] == "1", "the money moved, nobody knows"
        assert http.order(lost)["payment_status"] == "pending"
        store.check_invariant()
    store.wait_settled([error, lost])
    for id_, key in ((error, error_key), (lost, lost_key)):
        assert store.history(id_) == GOOD_LIFE
        assert store.order(id_)["payment_key"] == key
        assert store.ledger(id_)["captures"] == "1"
        assert "tries" not in store.order(id_)
    assert int(store.ledger(lost)["requests"]) >= 2


def test_cancelled_while_nobody_knows(http, store, stack):
    """Silence is not "not charged": the charge is finished under its key, then given back."""
    with stack.only_worker(PAYMENT_LOST_REPLY_PCT=100, PAYMENT_MS=200):
        id_ = http.place().json["order_id"]
        store.wait_field(id_, "payment_key")
        assert http.post(f"/order/{id_}/cancel").status == 200
        store.wait_field(id_, "tries")
        assert store.ledger(id_)["captures"] == "1"
    store.wait_settled([id_])
    assert http.order(id_)["payment_status"] == "refunded"
    ledger = store.ledger(id_)
    assert (ledger["captures"], ledger["refunds"]) == ("1", "1")
