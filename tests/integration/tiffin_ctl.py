"""tiffin-ctl as a user calls it, and the states of a store that it is called for."""
import contextlib
import json
import subprocess

import pytest

from tiffin_stack import BIN_DIR, DEADLINE_S, SANITIZER
from tiffin_store import DELAYED, EVENTS, READY, WORKERS

OK, FAILED, USAGE, VIOLATIONS = 0, 1, 2, 3
DEAD = "jobs:{s00}:dead"
INDEX = "orders:{s00}:index"
KEY = "key-of-the-ctl-tests-"
NOBODY = "order_00" + "a" * 20


def order_key(id_):
    return "order:{s00}:" + id_


class Ctl:
    """The program as a user calls it."""

    def __init__(self, world):
        self.world = world

    def run(self, *args, **settings):
        done = subprocess.run([BIN_DIR / "tiffin-ctl", *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_S,
                              env=self.world.stack.environment(**settings))
        assert not SANITIZER.search(done.stderr), done.stderr
        return done

    def ok(self, *args):
        done = self.run(*args)
        assert (done.returncode, done.stderr) == (OK, ""), done
        return done.stdout

    def json(self, *args, code=OK):
        done = self.run(*args, "--json")
        assert (done.returncode, done.stderr) == (code, ""), done
        return json.loads(done.stdout)

    def fails(self, *args, code=FAILED):
        done = self.run(*args)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("tiffin-ctl: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def findings(self):
        return self.json("fsck", code=VIOLATIONS)["findings"]


@pytest.fixture
def world(own_world):
    """Nothing is lost or doubled, whatever a test did to the store: it has to clean up."""
    yield own_world
    own_world.store.redis.delete("jobs:{s00}:paused")
    own_world.store.check_everything()


@pytest.fixture
def ctl(world):
    return Ctl(world)


def place(world, **parameters):
    answer = world.http.place(**parameters)
    assert answer.status == 201, answer
    return answer.json["order_id"]


@contextlib.contextmanager
def paused(world):
    """Orders that are placed inside stay in ready."""
    ctl = Ctl(world)
    ctl.ok("pause")
    try:
        yield
    finally:
        ctl.ok("resume")


def bury(world, ids, reason="the oven is cold"):
    """Kills jobs that stand in ready, by the worker's own function."""
    r = world.store.redis
    fcall = lambda name, keys, *args: r.execute_command("FCALL", name, len(keys), *keys, *args)
    active = "jobs:{s00}:active:undertaker"
    fcall("beat", [WORKERS, "worker:{s00}:undertaker"], "undertaker", 60000)
    for id_ in ids:
        job = order_key(id_) if id_.startswith("order_") else "update:{s00}:" + id_
        assert r.lrem(READY, 0, id_) == 1
        r.lpush(active, id_)
        epoch = fcall("begin", [job, active], id_)[1]
        answer = fcall("fail", [job, active, DELAYED, DEAD, EVENTS], id_, epoch, 0, 1, reason)
        assert answer[0] == "dead", answer
    fcall("leave", [WORKERS, "worker:{s00}:undertaker", active, READY], "undertaker")


def dead_order(world, **parameters):
    with paused(world):
        id_ = place(world, **parameters)
        bury(world, [id_])
    return id_


def settled_order(world, **parameters):
    id_ = place(world, **parameters)
    world.store.wait_settled([id_])
    return id_
