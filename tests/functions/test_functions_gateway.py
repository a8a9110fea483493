"""The simulated gateway's ledger: the first result of a key wins."""
import pytest
import redis

from functions_client import snapshot


def test_a_key_is_charged_once(gateway, admin):
    assert gateway.charge("k1") == ["captured", 1]
    assert gateway.charge("k1") == ["captured", 2]
    assert gateway.charge("k1", outcome="declined") == ["captured", 3]
    assert admin.hgetall("gateway:{s00}:k1") == {
        "requests": "3", "captures": "1", "result": "captured", "amount_cents": "1250",
        "currency": "USD"}


def test_declined_stays_declined(gateway, admin):
    assert gateway.charge("k1", outcome="declined") == ["declined", 1]
    assert gateway.charge("k1", outcome="captured") == ["declined", 2]
    assert admin.hget("gateway:{s00}:k1", "captures") is None


@pytest.mark.parametrize("other", [{"amount": 1251}, {"currency": "EUR"}])
def test_a_key_is_one_amount(gateway, admin, other):
    gateway.charge("k1")
    before = snapshot(admin)
    with pytest.raises(redis.ResponseError, match="another amount"):
        gateway.charge("k1", **other)
    assert snapshot(admin) == before


def test_refund_once(gateway, admin):
    gateway.charge("k1")
    assert gateway.refund("k1") == ["refunded"]
    assert gateway.refund("k1") == ["refunded"]
    assert admin.hget("gateway:{s00}:k1", "refunds") == "1"


def test_refund_of_nothing(gateway, admin):
    gateway.charge("k1", outcome="declined")
    before = snapshot(admin)
    assert gateway.refund("k1") == ["nothing"]
    assert gateway.refund("k2") == ["nothing"]
    assert snapshot(admin) == before


def test_a_charge_that_comes_late_moves_no_money(gateway, admin):
    """Its worker was stopped past its lease: another one may have charged, and all be forgotten."""
    before, now_ms = snapshot(admin), admin.time()[0] * 1000
    assert gateway.charge("k1", deadline=now_ms - 1) == ["late"]
    assert snapshot(admin) == before
    assert gateway.charge("k1", deadline=now_ms + 60000) == ["captured", 1]
    assert gateway.charge("k1", deadline=1) == ["captured", 2], "what is known is told, however late"


DAYS_90 = 90 * 86400


def test_an_entry_expires_90_days_after_its_last_use(gateway, admin):
    entry = "gateway:{s00}:k1"
    for use in (lambda: gateway.charge("k1"), lambda: gateway.charge("k1"),
                lambda: gateway.refund("k1")):
        if admin.exists(entry):
            admin.expire(entry, 1000)
        use()
        assert DAYS_90 - 60 <= admin.ttl(entry) <= DAYS_90


def test_a_refund_of_nothing_leaves_no_entry(gateway, admin):
    gateway.refund("k2")
    assert not admin.exists("gateway:{s00}:k2")
