"""What TIFFIN_REDIS_ACKS promises: an order that was confirmed is at the new master, whoever that is.
Replication is cut by a wrong password, so that a master goes on alone for a while."""
import contextlib
import uuid

import pytest

import functions_client as fc
from api import Api
from redis_set import RedisSet
from tiffin_stack import eventually

CURRY = {"restaurant_id": "resto_123", "item": "Curry"}


@pytest.fixture
def redis_set():
    with RedisSet(replicas=2) as made:
        yield made


def others(redis_set):
    master = redis_set.master()
    return [node for node in redis_set.nodes if node != master]


@contextlib.contextmanager
def cut_off(redis_set, nodes):
    """These replicate no more, until the end."""
    at_master = redis_set.client()
    left = len(redis_set.nodes) - 1 - len(nodes)
    for node in nodes:
        redis_set.at(node).config_set("masterauth", "wrong")
    at_master.execute_command("CLIENT", "KILL", "TYPE", "replica")
    eventually(lambda: online(at_master) == left, f"{left} replicas")
    try:
        yield
    finally:
        for node in nodes:
            redis_set.at(node).config_set("masterauth", redis_set.password("replica"))


def online(at_master):
    replication = at_master.info("replication")
    return sum(replication[f"slave{i}"]["state"] == "online"
               for i in range(replication["connected_slaves"]))


def orders(api, n):
    """-> the ids of those that were confirmed"""
    answers = [api.post("/order", **CURRY) for _ in range(n)]
    assert {status for status, _ in answers} <= {201, 503}
    return [body["order_id"] for status, body in answers if status == 201]


def lost(redis_set, ids):
    at_master = redis_set.client()
    return [id_ for id_ in ids if not at_master.exists(fc.job_key(id_))]


def kill_master(redis_set):
    old = redis_set.master()
    old.kill()
    return lambda: eventually(lambda: redis_set.master() != old, "another master")


@pytest.mark.parametrize("acks", (0, 1))
def test_a_master_that_nobody_followed_dies(redis_set, acks):
    """Without acknowledgements this must lose orders: the test can see loss."""
    with Api(redis_set, REDIS_ACKS=acks, REDIS_ACKS_MS=100) as api:
        safe = orders(api, 5)
        assert len(safe) == 5
        with cut_off(redis_set, others(redis_set)):
            alone = orders(api, 5)
            wait_for_another = kill_master(redis_set)
        wait_for_another()
        assert lost(redis_set, safe) == []
        if acks:
            assert alone == []
        else:
            assert len(alone) == 5 and lost(redis_set, alone) == alone
        eventually(api.is_ready, "the API")
        assert len(orders(api, 5)) == 5


def test_one_of_two_is_enough_and_both_if_asked_for(redis_set):
    for acks, confirmed in ((1, 3), (2, 0)):
        with Api(redis_set, REDIS_ACKS=acks, REDIS_ACKS_MS=100) as api:
            eventually(lambda: online(redis_set.client()) == 2, "both replicas")
            with cut_off(redis_set, others(redis_set)[:1]):
                assert len(orders(api, 3)) == confirmed


def test_what_was_not_confirmed_is_confirmed_by_its_repeat(redis_set):
    """The order was stored and not acknowledged; with its key it is answered once it is."""
    key = uuid.uuid4().hex
    with Api(redis_set, REDIS_ACKS=1, REDIS_ACKS_MS=100) as api:
        with cut_off(redis_set, others(redis_set)):
            status, problem = api.post("/order", key, **CURRY)
            assert status == 503 and "same Idempotency-Key is safe" in problem["detail"]
            assert redis_set.client().zcard(fc.INDEX) == 1
        # Of a connection that has written nothing yet, as after a reconnect, WAIT must not speak for others.
        redis_set.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        eventually(lambda: online(redis_set.client()) == 2, "both replicas")
        status, body = api.post("/order", key, **CURRY)
        assert status == 201 and redis_set.client().zrange(fc.INDEX, 0, -1) == [body["order_id"]]
