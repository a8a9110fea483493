"""Thousands of registered workers, most of them ghosts, are only more workers."""
import json
import subprocess

from tiffin_stack import BIN_DIR, DEADLINE_S, eventually
from tiffin_store import WORKERS

GHOSTS = [f"ghost-{n}" for n in range(5000)]


def ctl(stack, *args):
    done = subprocess.run([BIN_DIR / "tiffin-ctl", *args, "--json"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_S, env=stack.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_figures_of_thousands_of_workers(own_world):
    http, store, stack = own_world.http, own_world.store, own_world.stack
    with stack.without("worker"):
        ids = [http.place().json["order_id"] for _ in range(3)]
        store.redis.sadd(WORKERS, *GHOSTS)
        store.redis.lmove("jobs:{s00}:ready", "jobs:{s00}:active:ghost-4999", "RIGHT", "LEFT")
        store.redis.set("worker:{s00}:ghost-4999", "alive", ex=DEADLINE_S)
        status = http.get("/status").json
        assert (status["redis"], status["workers"], status["jobs"]["active"]) == ("up", 1, 1)
        metrics = http.get("/metrics")
        assert metrics.status == 200 and b"\ntiffin_invariant_violations 0\n" in metrics.body
        assert len(ctl(stack, "status")["workers"]) == len(GHOSTS)
        assert ctl(stack, "fsck")["clean"] is True
    store.redis.delete("worker:{s00}:ghost-4999")
    eventually(lambda: store.redis.scard(WORKERS) == 1, "all ghosts are unregistered")
    store.wait_settled(ids)
