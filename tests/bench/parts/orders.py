"""Orders: what Redis alone can do, and what is left of it through the API and with the worker at work.

Two stacks take turns. On the one without a worker the functions are called directly, pipelined and
durable (`appendfsync always`, as everywhere): that is the limit of placing and of working. On the
other, orders are posted while its worker works, and then it drains what has gathered.
"""
import time

import processes
from figures import Figure
from harness import NO_WAITS, stack
from http_load import post_orders
from order_life import HELD_MAX, Life, admin, places
from tiffin_stack import eventually
from wire import wire

TITLE = "Orders: placed, worked on, drained; all durable"
PLACE = "place, by Redis' functions alone"
WORK = "placed to delivered, by Redis' functions alone"
ALONE = "POST /order, no worker"
BUSY = "POST /order while the worker works"
DURING = "orders delivered by the worker meanwhile"
DRAIN = "orders drained by one worker"
SETTINGS = {**NO_WAITS, "API_PROCESSES": 2, "REDIS_MAXMEMORY": "4gb"}
POSTING_TARGET = (">=", 0.4)  # of what the worker does when nothing is posted


class Alone:
    """The stack without a worker."""

    def __init__(self, tiffin, link):
        self.tiffin, self.link = tiffin, link
        self.life, self.admin, self.placed = Life(tiffin), admin(tiffin), 0
        self.redis_pid = tiffin.pid("redis")
        self.admin.config_set("auto-aof-rewrite-percentage", 0)  # its size shall only grow

    def timed(self, *batches):
        """-> seconds, Redis' seconds of CPU, bytes that the log grew by"""
        log, cpu, began = self.log_bytes(), processes.cpu_of(self.redis_pid), time.monotonic()
        for commands in batches:
            self.link.run(commands)
        return (time.monotonic() - began, processes.cpu_of(self.redis_pid) - cpu,
                self.log_bytes() - log)

    def log_bytes(self):
        return self.admin.info("persistence")["aof_current_size"]

    def place(self, n):
        commands = places(range(self.placed, self.placed + n))
        self.placed += n
        return [value / n for value in self.timed(commands)]

    def work(self, n):
        """n of the orders that wait, as many at a time as a worker holds."""
        sums = [0.0, 0.0, 0.0]
        for _ in range(n // HELD_MAX):
            ids = self.life.claim(HELD_MAX)
            done = self.timed(*self.life.preparation(ids), *self.life.steps(ids))
            sums = [a + b for a, b in zip(sums, done)]
        return [value / (n // HELD_MAX * HELD_MAX) for value in sums]


def with_worker(run, tiffin, store):
    """-> what posting and draining did, one round"""
    cpu, settled, began = processes.cpu_s(tiffin), count(store, "settled"), time.monotonic()
    load = post_orders(tiffin.port, 64, run.seconds)
    during = (count(store, "settled") - settled) / (time.monotonic() - began)
    left, began = count(store, "placed") - count(store, "settled"), time.monotonic()
    placed = count(store, "placed")
    eventually(lambda: count(store, "settled") >= placed, "all are settled", timeout=300)
    drained = left / (time.monotonic() - began)
    orders = placed - settled
    each = {name: 1e6 * seconds / orders
            for name, seconds in processes.risen(cpu, processes.cpu_s(tiffin)).items()}
    if load.errors:
        run.fail(f"{BUSY}: {load.errors}")
    return {"load": load, "during": during, "drained": drained, "cpu": each}


def count(store, name):
    return int(store.hget("count:{s00}", name) or 0)


def measure(run):
    n = run.pick(5000, 2000, "ORDERS")
    with stack(**SETTINGS, WORKERS=0) as one, stack(**SETTINGS, WORKERS=1) as other, \
            wire(one) as link:
        alone, store = Alone(one, link), admin(other)
        found = run.turns({PLACE: lambda: alone.place(n), WORK: lambda: alone.work(n),
                           ALONE: lambda: post_orders(one.port, 64, run.seconds),
                           BUSY: lambda: with_worker(run, other, store)})
        if store.zcard("jobs:{s00}:dead"):
            run.fail("orders are dead")
    yield from by_functions(found)
    yield from by_http(run, found)


def by_functions(found):
    """Of (seconds, CPU, bytes) an order."""
    for name, cpu_target in ((PLACE, None), (WORK, ("<=", 140))):
        yield Figure(name, "/s", [1 / seconds for seconds, _, _ in found[name]])
        yield Figure(f"{name}: Redis' CPU an order", "µs", [1e6 * cpu for _, cpu, _ in found[name]],
                     better="lower", target=cpu_target)
        yield Figure(f"{name}: log an order", "bytes", [size for _, _, size in found[name]],
                     better="lower")


def by_http(run, found):
    alone, busy = found[ALONE], found[BUSY]
    for load in alone:
        if load.errors:
            run.fail(f"{ALONE}: {load.errors}")
    yield Figure(ALONE, "/s", [load.rate for load in alone], PLACE)
    yield Figure(f"{ALONE}, p99", "ms", [load.p99_ms for load in alone], better="lower")
    yield Figure(BUSY, "/s", [one["load"].rate for one in busy], ALONE)
    yield Figure(f"{BUSY}, p99", "ms", [one["load"].p99_ms for one in busy], better="lower")
    yield Figure(DRAIN, "/s", [one["drained"] for one in busy], WORK)
    yield Figure(DURING, "/s", [one["during"] for one in busy], DRAIN, target=POSTING_TARGET)
    for name in busy[0]["cpu"]:
        if name != "ws":
            yield Figure(f"CPU an order, posted to delivered: {name}", "µs",
                         [one["cpu"][name] for one in busy], better="lower")
