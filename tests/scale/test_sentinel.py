"""One shard with replicas, and sentinels that name its master: what happens when that is another."""
import contextlib
import subprocess

import pytest

import functions_client as fc
from functions_server import BIN_DIR
from redis_set import RedisSet
from tiffin_stack import DEADLINE_S, eventually
from tiffin_store import GOOD_LIFE

WAITS = {"PAYMENT_MS": 50, "KITCHEN_MS": 50, "STAGE_MIN_MS": 20, "STAGE_MAX_MS": 40}


@pytest.fixture
def redis_set():
    with RedisSet(replicas=2) as made:
        yield made


@contextlib.contextmanager
def worker(redis_set):
    """Yields its process and its log."""
    path = redis_set.folder / "worker.log"
    with open(path, "ab") as log:
        process = subprocess.Popen(
            [BIN_DIR / "tiffin-worker"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=redis_set.environment(**WAITS))
    try:
        yield process, path
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


def place(redis_set, n):
    ids = [fc.new_id() for _ in range(n)]
    for id_ in ids:
        assert fc.Functions(redis_set.client("api")).place(id_) == ["placed", id_]
    return ids


def wait_delivered(redis_set, ids):
    def are_over():
        at_master = redis_set.client()
        return all(at_master.hget(fc.job_key(id_), "step") == "settled" for id_ in ids)
    eventually(are_over, "all are delivered")
    at_master = redis_set.client()
    for id_ in ids:
        assert fc.history(at_master.hgetall(fc.job_key(id_))) == GOOD_LIFE


def ctl(redis_set, *args):
    return subprocess.run([BIN_DIR / "tiffin-ctl", *args], capture_output=True, text=True,
                          env=redis_set.environment(), timeout=DEADLINE_S)


def test_the_worker_goes_on_at_the_new_master(redis_set):
    with worker(redis_set) as (process, log):
        wait_delivered(redis_set, place(redis_set, 5))
        old = redis_set.master()
        waiting = place(redis_set, 20)
        old.kill()
        eventually(lambda: redis_set.master() != old, "another master")
        wait_delivered(redis_set, waiting + place(redis_set, 5))
        assert process.poll() is None
        assert f"Redis' master is now 127.0.0.1:{redis_set.master().port}" in log.read_text()
        assert ctl(redis_set, "fsck").returncode == 0


def test_an_old_master_that_wakes_up_is_left_at_once(redis_set):
    """It was stopped, not dead: it comes back and believes for a moment that it is the master."""
    with worker(redis_set) as (process, _):
        old = redis_set.master()
        waiting = place(redis_set, 20)
        with old.frozen():
            eventually(lambda: redis_set.master() != old, "another master")
            wait_delivered(redis_set, waiting)
        wait_delivered(redis_set, place(redis_set, 5))
        assert process.poll() is None


def test_ctl_and_loader_find_the_master(redis_set):
    old = redis_set.master()
    redis_set.client().execute_command("FUNCTION", "FLUSH")
    redis_set.load()
    assert ctl(redis_set, "status").returncode == 0
    old.kill()
    eventually(lambda: redis_set.master() != old, "another master")
    redis_set.load()  # nothing to do: functions are replicated
    done = ctl(redis_set, "status")
    assert done.returncode == 0, done.stderr
    for sentinel in redis_set.sentinels:
        sentinel.kill()
    done = ctl(redis_set, "status")
    assert done.returncode == 1 and "no sentinel knows a master called tiffin" in done.stderr
