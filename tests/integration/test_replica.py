"""A Redis that answers and takes no writes: one that has become a replica, or a master without enough
of them. What was certainly not stored is repeated inside the deadline; nobody is told that all is
well; and nothing spins."""
import concurrent.futures
import contextlib

import pytest

from shapes import check_json, check_problem
from tiffin_stack import eventually
from tiffin_world import World

NOBODY = ("127.0.0.1", 1)  # no master answers there


@pytest.fixture(scope="module")
def replica_world():
    world = World()
    try:
        world.start()
        yield world
    finally:
        world.stack.end()


@pytest.fixture
def world(replica_world):
    yield replica_world
    eventually(lambda: is_ready(replica_world), "a healthy stack")
    eventually(lambda: replica_world.http.status()["status"] == "ok", "a healthy /status")
    replica_world.store.check_everything()


@contextlib.contextmanager
def a_replica(redis):
    redis.execute_command("REPLICAOF", *NOBODY)
    try:
        yield
    finally:
        redis.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def too_few_replicas(redis):
    redis.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        redis.config_set("min-replicas-to-write", 0)


TROUBLE = {"READONLY": a_replica, "NOREPLICAS": too_few_replicas}


@pytest.mark.parametrize("word", TROUBLE)
def test_readyz_says_no_where_orders_cannot_be_stored(world, word):
    with TROUBLE[word](world.store.redis):
        check_problem(eventually(not_ready(world), "503 of /readyz"), 503)
        if word == "NOREPLICAS":  # the connection is kept, so these are its very words
            eventually(lambda: word in world.http.get("/readyz").json["detail"], "the reason")
        assert "Nothing was stored" in check_problem(world.http.place(), 503)["detail"]
    eventually(lambda: is_ready(world), "readiness")
    check_json(world.http.get("/readyz"), 200, {})


def is_ready(world):
    """Both processes of the API, which nginx asks in turn."""
    return all(world.http.get("/readyz").status == 200 for _ in range(6))


def not_ready(world):
    def ask():
        answer = world.http.get("/readyz")
        return answer.status == 503 and answer
    return ask


@pytest.mark.parametrize("word", TROUBLE)
def test_an_order_that_was_refused_is_repeated(world, word):
    before = world.store.count("placed")
    refused = world.store.redis.info("stats")["total_error_replies"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with TROUBLE[word](world.store.redis):
            post = pool.submit(world.http.place)
            eventually(lambda: world.store.redis.info("stats")["total_error_replies"] > refused + 2,
                       "refusals")
        answer = post.result()
    assert answer.status == 201, answer
    assert world.store.count("placed") == before + 1
    world.store.wait_settled([answer.json["order_id"]])


@pytest.mark.parametrize("word", TROUBLE)
def test_nothing_spins(world, word):
    """What each program's connections were refused in a while, and what was logged of it."""
    redis = world.store.redis
    with TROUBLE[word](redis):
        eventually(not_ready(world), "503 of /readyz")
        logs = {part: len(world.stack.log(part)) for part in ("api", "worker", "ws")}
        connects, seconds = redis.info("stats")["total_connections_received"], redis.time()[0]
        eventually(lambda: redis.time()[0] >= seconds + 3, "three seconds")
        # About ten connections, each once a second when its back-off has grown.
        assert redis.info("stats")["total_connections_received"] - connects < 150
        for part, before in logs.items():
            assert world.stack.log(part)[before:].count("\n") < 40, world.stack.log(part)[before:]
